/**
 * A budget that fills up steadily: a burst at once, then a rate. Time is the shard's clock, in milliseconds, which
 * stands still while the shard does and never goes back.
 */
export class TokenBucket {
  readonly capacity: number
  readonly #perMs: number
  #available: number
  #filledAt: number

  /** @param capacity the burst, also what there is at first. */
  constructor(perSecond: number, capacity: number, now: number) {
    this.capacity = capacity
    this.#perMs = perSecond / 1000
    this.#available = capacity
    this.#filledAt = now
  }

  /** Takes `tokens` and returns whether they were there; if not, nothing is taken. */
  spend(tokens: number, now: number): boolean {
    if (tokens > this.available(now)) return false
    this.#available -= tokens
    return true
  }

  /** Takes `tokens` whether they are there or not: what is missing has to fill up first. Returns whether they were there. */
  overdraw(tokens: number, now: number): boolean {
    const wereThere = tokens <= this.available(now)
    this.#available -= tokens
    return wereThere
  }

  /** For another bucket of the same rate and capacity, by whatever clock: what is available, below 0 after an overdraft. */
  snapshot(now: number): number {
    return this.available(now)
  }

  restore(available: number, now: number): void {
    this.#available = available
    this.#filledAt = now
  }

  /** For `ms` until `now` nothing could be taken: what has filled up since then goes beyond the burst. */
  excuse(ms: number, now: number): void {
    if (this.#filledAt < now - ms) this.available(now - ms)
    this.#available += ms * this.#perMs
    this.#filledAt = now
  }

  /** Below 0 after an overdraft. */
  available(now: number): number {
    const filled = this.#available + (now - this.#filledAt) * this.#perMs
    this.#filledAt = now
    this.#available = Math.max(this.#available, Math.min(this.capacity, filled))
    return this.#available
  }
}
