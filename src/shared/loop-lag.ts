import { performance } from 'node:perf_hooks'

/** Between two looks at the clock. */
const PERIOD_MS = 100
/** The worst of this window and of the one before it counts. */
const WINDOW_MS = 1000

/** How late a thread comes to what is due, as its own timer meets it. */
export class LoopLag {
  readonly #timer: NodeJS.Timeout
  readonly #onTick: () => void
  #tickedMs = performance.now()
  #windowEndMs = this.#tickedMs + WINDOW_MS
  #worstMs = 0
  #worstBeforeMs = 0

  /** @param onTick Called every 100 ms, when the thread comes to it. */
  constructor(onTick: () => void = () => {}) {
    this.#onTick = onTick
    this.#timer = setInterval(() => this.#tick(), PERIOD_MS)
    // It watches what others do: nothing to live on for.
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Milliseconds, the worst of the last second or two, that of now included. */
  get worstMs(): number {
    return Math.max(lateness(this.#tickedMs, performance.now()), this.#worstMs, this.#worstBeforeMs)
  }

  #tick(): void {
    const nowMs = performance.now()
    if (nowMs >= this.#windowEndMs) {
      // A window that has ended long ago says nothing about the last second.
      this.#worstBeforeMs = nowMs < this.#windowEndMs + WINDOW_MS ? this.#worstMs : 0
      this.#worstMs = 0
      this.#windowEndMs = nowMs + WINDOW_MS
    }
    this.#worstMs = Math.max(this.#worstMs, lateness(this.#tickedMs, nowMs))
    this.#tickedMs = nowMs
    this.#onTick()
  }
}

/** How late the next tick is at `nowMs` if the latest one was at `tickedMs`. */
export function lateness(tickedMs: number, nowMs: number): number {
  return Math.max(0, nowMs - tickedMs - PERIOD_MS)
}

/** Milliseconds of the clock that all threads of the machine read alike; `performance.now()` begins with its thread. */
export function sharedNowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
