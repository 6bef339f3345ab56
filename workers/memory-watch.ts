import { getHeapStatistics } from 'node:v8'
import { Counter, type CounterRow } from '../src/shared/counters.ts'
import { MemoryPressure } from '../src/shared/memory-pressure.ts'

const SAMPLE_MS = 250

/** Samples in a row at which the shard gives up: one alone may be garbage that is about to be collected. */
const EXHAUSTED_SAMPLES = 2

export interface MemoryOwner {
  /** Memory is short: something that can be spared must go. */
  shed(): void
  /** Memory has run out: the shard must end before its thread does. */
  recycle(): void
}

/**
 * Watches the heap of this thread and what it holds outside of it, which V8's own limits do not count. V8 ends a thread
 * that reaches its limit without a word, so the shard acts before.
 */
export class MemoryWatch {
  readonly #counters: CounterRow
  readonly #maxExternalBytes: number
  readonly #owner: MemoryOwner
  readonly #timer: NodeJS.Timeout
  #exhaustedSamples = 0

  constructor(counters: CounterRow, maxExternalBytes: number, owner: MemoryOwner) {
    this.#counters = counters
    this.#maxExternalBytes = maxExternalBytes
    this.#owner = owner
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #sample(): void {
    const { used_heap_size: heap, heap_size_limit: heapLimit, external_memory: external } = getHeapStatistics()
    const pressure = Math.max(heap / heapLimit, external / this.#maxExternalBytes)
    this.#counters.set(Counter.HEAP_BYTES, heap)
    this.#counters.set(Counter.EXTERNAL_BYTES, external)
    this.#counters.set(Counter.MEMORY_PRESSURE, pressure)
    if (pressure >= MemoryPressure.SHED) this.#owner.shed()
    this.#exhaustedSamples = pressure >= MemoryPressure.RECYCLE ? this.#exhaustedSamples + 1 : 0
    if (this.#exhaustedSamples === EXHAUSTED_SAMPLES) this.#owner.recycle()
  }
}
