import { performance } from 'node:perf_hooks'

/**
 * The shard's time for deadlines. It stands still while the thread does: when a sweep comes late, only
 * two periods of the gap count, so our own stall never looks like a peer's silence.
 */
export class Clock {
  /** Milliseconds, monotonic, as precise as the sweep. */
  now = 0
  /** Milliseconds since the epoch, as precise as the sweep. Derived from the monotonic clock: it never jumps. */
  epochMs = performance.timeOrigin + performance.now()
  readonly #periodMs: number
  #last = performance.now()

  constructor(periodMs: number) {
    this.#periodMs = periodMs
  }

  /** The same to the microsecond: for a deadline that is shorter than the sweep. */
  get exactNow(): number {
    return this.now + this.#elapsed(performance.now())
  }

  advance(): void {
    const real = performance.now()
    this.now += this.#elapsed(real)
    this.#last = real
    this.epochMs = performance.timeOrigin + real
  }

  #elapsed(real: number): number {
    return Math.min(real - this.#last, 2 * this.#periodMs)
  }
}
