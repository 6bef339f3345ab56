/** More deaths than this within the period, and nothing is started for a while. */
const RESTARTS = 3
const PERIOD_MS = 5000
/** How long that is. */
const PAUSE_MS = 30_000

/** How often a thread has died, and whether another one is worth a try. */
export class RestartBudget {
  /** Times of the latest deaths, oldest first, monotonic milliseconds. */
  #deathsMs: readonly number[] = []
  #isDegraded = false
  #retry: NodeJS.Timeout | undefined

  /** The budget is used up, and no thread has started since. */
  get isDegraded(): boolean {
    return this.#isDegraded
  }

  /** A thread has died, or could not be started. */
  spend(nowMs: number): void {
    this.#deathsMs = [...this.#deathsMs, nowMs].filter((deathMs) => nowMs - deathMs < PERIOD_MS)
    if (this.#deathsMs.length <= RESTARTS) return
    this.#deathsMs = []
    this.#isDegraded = true
  }

  /** A thread does its work. */
  recover(): void {
    this.#isDegraded = false
  }

  /** Calls back after the pause that follows the last death of a budget. */
  retryLater(retry: () => void): void {
    this.#retry = setTimeout(retry, PAUSE_MS)
  }

  stopWaiting(): void {
    clearTimeout(this.#retry)
  }
}
