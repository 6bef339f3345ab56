import { performance } from 'node:perf_hooks'

/**
 * A clock for deadlines and the one timer behind them all. Its time stands still while this thread does: of a gap
 * only two periods count, so main's own lag is held neither against a client nor against a shard.
 */
export class Sweep {
  readonly #periodMs: number
  readonly #onSweep: (nowMs: number) => void
  #timer: NodeJS.Timeout | undefined
  #sweptMs = 0
  #realMs = performance.now()

  constructor(periodMs: number, onSweep: (nowMs: number) => void) {
    this.#periodMs = periodMs
    this.#onSweep = onSweep
  }

  /** Milliseconds, monotonic. Stands still while nobody waits. */
  get nowMs(): number {
    return this.#sweptMs + this.#elapsed(performance.now())
  }

  /** To be called when somebody begins to wait. */
  start(): void {
    if (this.#timer !== undefined) return
    this.#realMs = performance.now()
    // In the check phase: what has arrived while this thread was blocked is read first.
    this.#timer = setInterval(() => setImmediate(this.#tick), this.#periodMs)
  }

  /** To be called when nobody waits any more: an interval would keep the process alive. */
  stop(): void {
    this.#sweptMs = this.nowMs
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  readonly #tick = (): void => {
    if (this.#timer === undefined) return
    const realMs = performance.now()
    this.#sweptMs += this.#elapsed(realMs)
    this.#realMs = realMs
    this.#onSweep(this.#sweptMs)
  }

  #elapsed(realMs: number): number {
    return this.#timer === undefined ? 0 : Math.min(realMs - this.#realMs, 2 * this.#periodMs)
  }
}
