import { performance } from 'node:perf_hooks'
import { Counter, type CounterRow } from '../src/shared/counters.ts'
import { LoopLag, sharedNowMs } from '../src/shared/loop-lag.ts'

/** How long a stretch of time the utilization is that of. */
const UTILIZATION_MS = 1000

/** Leaves in shared memory how busy this thread is, so that main can tell without asking it. */
export class LoopWatch {
  readonly #counters: CounterRow
  readonly #rooms: { readonly size: number }
  readonly #lag: LoopLag
  #measured = performance.eventLoopUtilization()
  #measuredMs = performance.now()

  constructor(counters: CounterRow, rooms: { readonly size: number }) {
    this.#counters = counters
    this.#rooms = rooms
    this.#lag = new LoopLag(() => this.#tick())
  }

  stop(): void {
    this.#lag.stop()
  }

  #tick(): void {
    const counters = this.#counters
    counters.set(Counter.ROOMS, this.#rooms.size)
    counters.set(Counter.LOOP_DELAY_MS, this.#lag.worstMs)
    counters.set(Counter.LOOP_TICKED_MS, sharedNowMs())
    const nowMs = performance.now()
    if (nowMs - this.#measuredMs < UTILIZATION_MS) return
    const measured = performance.eventLoopUtilization()
    counters.set(Counter.LOOP_UTILIZATION, performance.eventLoopUtilization(measured, this.#measured).utilization)
    this.#measured = measured
    this.#measuredMs = nowMs
  }
}
