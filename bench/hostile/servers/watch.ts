import { setTimeout as delay } from 'node:timers/promises'
import type { AppCounts, Reading, Toll } from '../protocol.ts'
import { collectEverywhere, ownHeapBytes } from './heaps.ts'
import { openDescriptors, peakRssBytes, resetPeakRss, rssBytes } from './process-figures.ts'

const SAMPLE_MS = 100
/** Time to let go of what the attackers left behind. */
const SETTLE_MS = 5000
const SETTLE_STEP_MS = 100
/** Pages go back to the system a moment after a collection. */
const RELEASE_MS = 200

/** Looks at this process from before an attack until it has settled. */
export class Watch {
  readonly #shards: number
  #before: Reading | null = null
  #cpuBefore = process.cpuUsage()
  #mostHeapBytes = 0
  #mostDescriptors = 0
  #timer: NodeJS.Timeout | null = null

  constructor(shards: number) {
    this.#shards = shards
  }

  async begin(): Promise<Reading> {
    const before = await readAtRest(this.#shards)
    this.#before = before
    this.#cpuBefore = process.cpuUsage()
    resetPeakRss()
    this.#sample()
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS)
    return before
  }

  /** To be called when the attackers are gone. */
  async end(app: AppCounts): Promise<Toll> {
    const settledMs = await this.#settle()
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#sample()
    const { user, system } = process.cpuUsage(this.#cpuBefore)
    const peak = {
      rssBytes: peakRssBytes(),
      mainHeapBytes: this.#mostHeapBytes,
      descriptors: this.#mostDescriptors,
    }
    return { peak, after: await readAtRest(this.#shards), cpuSeconds: (user + system) / 1e6, settledMs, app }
  }

  async #settle(): Promise<number | null> {
    const startMs = performance.now()
    const limit = this.#before?.descriptors ?? 0
    while (openDescriptors() > limit) {
      if (performance.now() - startMs > SETTLE_MS) return null
      await delay(SETTLE_STEP_MS)
    }
    return performance.now() - startMs
  }

  #sample(): void {
    this.#mostHeapBytes = Math.max(this.#mostHeapBytes, ownHeapBytes())
    this.#mostDescriptors = Math.max(this.#mostDescriptors, openDescriptors())
  }
}

/** Collects twice: what the first collection finds dead may keep buffers that only the second one frees. */
async function readAtRest(shards: number): Promise<Reading> {
  await collectEverywhere(shards)
  const heapBytes = await collectEverywhere(shards)
  await delay(RELEASE_MS)
  return { rssBytes: rssBytes(), heapBytes, descriptors: openDescriptors() }
}
