import { setTimeout as delay } from 'node:timers/promises'
import { FIN_TEXT } from '../load/frames.ts'
import { atMost } from './attackers/at-most.ts'
import { Client, handshake } from './attackers/client.ts'
import { frame } from './attackers/frames.ts'
import { CALM_PATH } from './protocol.ts'

/** Enough to have one on each shard. */
const CLIENTS = 2
const PAUSE_MS = 20
/** After this an echo counts as lost, and the next question is asked. */
const PATIENCE_MS = 10_000
const QUESTION = frame(FIN_TEXT, Buffer.from('still there?'))

/** What well-behaved clients of the same server notice. */
export interface Calm {
  /** The longest that any of them waited for an echo, in milliseconds; 10 000 if one did not come. */
  readonly longestGapMs: number
  readonly echoes: number
  /** How one of them was thrown out; null if none was. */
  readonly cut: string | null
}

/** Clients that ask all the time and wait for the echo, from a process that is not busy with the attack. */
export class Control {
  readonly #clients: readonly Client[]
  #longestGapMs = 0
  #echoes = 0
  #isStopped = false
  #asking: Promise<unknown> = Promise.resolve()

  private constructor(clients: readonly Client[]) {
    this.#clients = clients
  }

  /** @throws Error if the server refuses one of them */
  static async open(port: number): Promise<Control> {
    const clients = Array.from({ length: CLIENTS }, () => new Client(port, handshake({ path: CALM_PATH })))
    for (const client of clients) {
      if (!(await client.opened)) throw new Error(`a control client was refused: ${await client.ended}`)
    }
    return new Control(clients)
  }

  start(): void {
    this.#asking = Promise.all(this.#clients.map((client) => this.#ask(client)))
  }

  /** Waits for the echoes that are under way: a server that is late is measured, too. */
  async stop(): Promise<Calm> {
    this.#isStopped = true
    await this.#asking
    const cut = this.#clients.find(({ hasEnded }) => hasEnded)
    return { longestGapMs: this.#longestGapMs, echoes: this.#echoes, cut: cut === undefined ? null : await cut.ended }
  }

  async leave(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.leave('still open')))
  }

  async #ask(client: Client): Promise<void> {
    while (!this.#isStopped && !client.hasEnded) {
      const sentMs = performance.now()
      const answered = new Promise<void>((resolve) => {
        client.onText = resolve
      })
      await atMost(PATIENCE_MS, Promise.race([client.write(QUESTION).then(() => answered), client.ended]))
      this.#longestGapMs = Math.max(this.#longestGapMs, performance.now() - sentMs)
      this.#echoes += 1
      await delay(PAUSE_MS)
    }
  }
}
