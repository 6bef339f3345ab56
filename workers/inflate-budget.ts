/**
 * How many inflated bytes a connection may cause: a bucket that fills up steadily. A kilobyte on the wire can
 * inflate to a megabyte, so bytes on the wire say nothing about the work.
 */
export class InflateBudget {
  readonly #bytesPerMs: number
  readonly #capacity: number
  #available: number
  #filledAt: number

  /** @param burst bytes, also what there is at first. `now` in milliseconds, as in `spend`. */
  constructor(bytesPerSecond: number, burst: number, now: number) {
    this.#bytesPerMs = bytesPerSecond / 1000
    this.#capacity = burst
    this.#available = burst
    this.#filledAt = now
  }

  /** Takes `bytes` and returns whether they were there; if not, nothing is taken. `now` never goes back. */
  spend(bytes: number, now: number): boolean {
    const filled = this.#available + (now - this.#filledAt) * this.#bytesPerMs
    this.#filledAt = now
    this.#available = Math.min(this.#capacity, filled)
    if (bytes > this.#available) return false
    this.#available -= bytes
    return true
  }
}
