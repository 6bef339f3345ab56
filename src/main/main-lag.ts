import { performance } from 'node:perf_hooks'

const PERIOD_MS = 100
/** The worst of this window and of the one before it counts. */
const WINDOW_MS = 1000

/** How late the main thread comes to what is due, as its own timer meets it. */
export class MainLag {
  readonly #timer: NodeJS.Timeout
  #tickedMs = performance.now()
  #windowEndMs = this.#tickedMs + WINDOW_MS
  #worstMs = 0
  #worstBeforeMs = 0

  constructor() {
    this.#timer = setInterval(() => this.#tick(), PERIOD_MS)
    // It watches what others do: nothing to live on for.
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Milliseconds, the worst of the last second or two, that of now included. */
  get worstMs(): number {
    return Math.max(this.#lateMs(performance.now()), this.#worstMs, this.#worstBeforeMs)
  }

  #tick(): void {
    const nowMs = performance.now()
    if (nowMs >= this.#windowEndMs) {
      // A window that has ended long ago says nothing about the last second.
      this.#worstBeforeMs = nowMs < this.#windowEndMs + WINDOW_MS ? this.#worstMs : 0
      this.#worstMs = 0
      this.#windowEndMs = nowMs + WINDOW_MS
    }
    this.#worstMs = Math.max(this.#worstMs, this.#lateMs(nowMs))
    this.#tickedMs = nowMs
  }

  #lateMs(nowMs: number): number {
    return Math.max(0, nowMs - this.#tickedMs - PERIOD_MS)
  }
}
