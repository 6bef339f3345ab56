import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'
import { resourceLimits } from 'node:worker_threads'
import { Counter, type CounterRow } from '../src/shared/counters.ts'
import { MemoryPressure } from '../src/shared/memory-pressure.ts'

const SAMPLE_MS = 100

/** Samples in a row at which the shard gives up: one alone may be garbage that is about to be collected. */
const EXHAUSTED_SAMPLES = 2

export interface Memory {
  readonly heapBytes: number
  /** Buffers and other memory outside the heap. */
  readonly externalBytes: number
}

export interface MemoryOwner {
  /** Memory is short: something that can be spared must go. */
  shed(): void
  /** Memory has run out: the shard must end before its thread does. */
  recycle(): void
}

/** What this thread's heap may hold: V8 ends the thread when its old generation reaches this. */
export function heapLimit(): number {
  return (resourceLimits.maxOldGenerationSizeMb ?? Number.POSITIVE_INFINITY) * 1024 * 1024
}

/**
 * The young generation has a limit of its own, and nothing stays there. `process.memoryUsage()` would need a descriptor, and
 * throws when there is none.
 */
export function readMemory(): Memory {
  const spaces = getHeapSpaceStatistics().filter(({ space_name }) => !space_name.startsWith('new_'))
  const heapBytes = spaces.reduce((sum, { space_used_size }) => sum + space_used_size, 0)
  return { heapBytes, externalBytes: getHeapStatistics().external_memory }
}

/**
 * Watches the heap of this thread and what it holds outside of it, which V8's own limits do not count. V8 ends a thread
 * that reaches its limit without a word, so the shard acts before.
 */
export class MemoryWatch {
  readonly #counters: CounterRow
  readonly #limits: Memory
  readonly #owner: MemoryOwner
  readonly #read: () => Memory
  readonly #timer: NodeJS.Timeout
  #exhaustedSamples = 0

  constructor(counters: CounterRow, limits: Memory, owner: MemoryOwner, read = readMemory) {
    this.#counters = counters
    this.#limits = limits
    this.#owner = owner
    this.#read = read
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #sample(): void {
    const { heapBytes, externalBytes } = this.#read()
    const pressure = Math.max(heapBytes / this.#limits.heapBytes, externalBytes / this.#limits.externalBytes)
    this.#counters.set(Counter.HEAP_BYTES, heapBytes)
    this.#counters.set(Counter.EXTERNAL_BYTES, externalBytes)
    this.#counters.set(Counter.MEMORY_PRESSURE, pressure)
    if (pressure >= MemoryPressure.SHED) this.#owner.shed()
    this.#exhaustedSamples = pressure >= MemoryPressure.RECYCLE ? this.#exhaustedSamples + 1 : 0
    if (this.#exhaustedSamples === EXHAUSTED_SAMPLES) this.#owner.recycle()
  }
}
