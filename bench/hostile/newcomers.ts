import { setTimeout as delay } from 'node:timers/promises'
import { atMost } from './attackers/at-most.ts'
import { Client, handshake } from './attackers/client.ts'
import { CALM_PATH } from './protocol.ts'

const PAUSE_MS = 100
/** After this nobody waits for a handshake any more. */
const PATIENCE_MS = 10_000

/** What well-behaved clients meet who come while a server is under attack. */
export interface Reception {
  readonly tried: number
  readonly admitted: number
  /** The longest that one of those admitted waited for its 101, in milliseconds. */
  readonly longestMs: number
}

/** One client after the other connects, is let in or not, and leaves. */
export class Newcomers {
  readonly #port: number
  #tried = 0
  #admitted = 0
  #longestMs = 0
  #isStopped = false
  #coming: Promise<void> = Promise.resolve()

  constructor(port: number) {
    this.#port = port
  }

  start(): void {
    this.#coming = this.#come()
  }

  async stop(): Promise<Reception> {
    this.#isStopped = true
    await this.#coming
    return { tried: this.#tried, admitted: this.#admitted, longestMs: this.#longestMs }
  }

  async #come(): Promise<void> {
    while (!this.#isStopped) {
      const startMs = performance.now()
      const client = new Client(this.#port, handshake({ path: CALM_PATH }))
      await atMost(PATIENCE_MS, client.opened)
      this.#tried++
      if (client.isOpen) {
        this.#admitted++
        this.#longestMs = Math.max(this.#longestMs, performance.now() - startMs)
      }
      await client.leave('admitted')
      await delay(PAUSE_MS)
    }
  }
}
