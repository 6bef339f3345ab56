import { orAsBefore } from './memory-usage.ts'

const SAMPLE_MS = 250
/** A step is taken back when memory has fallen this far below it, or it would be taken and taken back all the time. */
const HYSTERESIS = 0.05

/** At which part of `maxMemoryBytes` what is spared, mildest first. */
export const MEMORY_STEPS = {
  /** Connections get no compression contexts of their own. */
  contexts: 0.8,
  /** Opening handshakes are refused with 503. */
  handshakes: 0.9,
  /** The connections with the longest queues are closed with 1013. */
  queues: 0.95,
  /** What connects to a server of ours is closed unread. */
  accepting: 0.98,
} as const
/** What a process that is short of memory spares: compression contexts, handshakes, the longest queues, accepting. */
export type MemoryStep = keyof typeof MEMORY_STEPS

const STEPS = Object.keys(MEMORY_STEPS) as readonly MemoryStep[]

/** The memory of the process and its limit. */
export interface MemoryReading {
  /** Resident memory, as of the last sample. */
  readonly rssBytes: number
  /** `maxMemoryBytes`. */
  readonly limitBytes: number
  /** The former as a part of the latter. */
  readonly pressure: number
}

export interface MemoryObserver {
  /** A step is taken, or taken back. */
  onStep(step: MemoryStep, isTaken: boolean, reading: MemoryReading): void
  /** A sample has been taken. */
  onSample?(reading: MemoryReading): void
}

/** Watches the resident memory of the whole process, which is what a container or the kernel ends it for. */
export class ProcessMemory {
  /** How often each step was taken. */
  readonly counts: Record<MemoryStep, number> = { contexts: 0, handshakes: 0, queues: 0, accepting: 0 }
  readonly #limitBytes: number
  readonly #read: () => number
  readonly #observers: MemoryObserver[] = []
  readonly #taken = new Set<MemoryStep>()
  #rssBytes = 0
  #timer: NodeJS.Timeout | undefined

  /** @param limitBytes Infinity: no step is ever taken. */
  constructor(limitBytes: number, read: () => number = () => process.memoryUsage.rss()) {
    this.#limitBytes = limitBytes
    this.#read = orAsBefore(read, 0)
  }

  /** The observers hear of what is so already. */
  start(): void {
    this.sample()
    this.#timer = setInterval(() => this.sample(), SAMPLE_MS)
    // It watches what others do: nothing to live on for.
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  observe(observer: MemoryObserver): void {
    this.#observers.push(observer)
    for (const step of this.#taken) observer.onStep(step, true, this.reading)
  }

  isTaken(step: MemoryStep): boolean {
    return this.#taken.has(step)
  }

  get reading(): MemoryReading {
    const rssBytes = this.#rssBytes
    const limitBytes = this.#limitBytes
    return { rssBytes, limitBytes, pressure: rssBytes / limitBytes }
  }

  sample(): void {
    this.#rssBytes = this.#read()
    const { reading } = this
    for (const step of STEPS) {
      if (this.#taken.has(step)) {
        if (reading.pressure < MEMORY_STEPS[step] - HYSTERESIS) this.#set(step, false, reading)
      } else if (reading.pressure >= MEMORY_STEPS[step]) this.#set(step, true, reading)
    }
    for (const observer of this.#observers) observer.onSample?.(reading)
  }

  #set(step: MemoryStep, isTaken: boolean, reading: MemoryReading): void {
    if (isTaken) {
      this.#taken.add(step)
      this.counts[step]++
    } else this.#taken.delete(step)
    for (const observer of this.#observers) observer.onStep(step, isTaken, reading)
  }
}
