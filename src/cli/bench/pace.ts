import { performance } from 'node:perf_hooks'
import type { EchoLane } from './echo-lane.ts'

const TICK_MS = 1

/**
 * Sends at fixed times, the lanes in turn. A message that has to wait for earlier echoes counts from when it was due: a server
 * that stalls is not spared the messages that it has held up.
 */
export class Pace {
  readonly #lanes: readonly EchoLane[]
  readonly #periodMs: number
  readonly #takeTurn: () => boolean
  readonly #startMs = performance.now()
  readonly #timer: NodeJS.Timeout
  /** By lane: messages that are due, and those that were sent. */
  readonly #owed: Float64Array
  readonly #sent: Float64Array
  #due = 0

  /** @param rate Messages a second, of all lanes together. */
  constructor(lanes: readonly EchoLane[], rate: number, takeTurn: () => boolean) {
    this.#lanes = lanes
    this.#periodMs = 1000 / rate
    this.#takeTurn = takeTurn
    this.#owed = new Float64Array(lanes.length)
    this.#sent = new Float64Array(lanes.length)
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  /** Messages that were due and not sent. */
  get overdue(): number {
    return this.#owed.reduce((sum, owed) => sum + owed, 0)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Sends what this lane owes, as far as it can. */
  pump(index: number): void {
    const lane = this.#lanes[index] as EchoLane
    while ((this.#owed[index] as number) > 0 && lane.canSend && this.#takeTurn()) {
      const sent = this.#sent[index] as number
      this.#sent[index] = sent + 1
      this.#owed[index] = (this.#owed[index] as number) - 1
      lane.send(this.#startMs + (index + sent * this.#lanes.length) * this.#periodMs)
    }
  }

  #tick(): void {
    const due = Math.floor((performance.now() - this.#startMs) / this.#periodMs) + 1
    for (; this.#due < due; this.#due += 1) {
      const index = this.#due % this.#lanes.length
      this.#owed[index] = (this.#owed[index] as number) + 1
      this.pump(index)
    }
  }
}
