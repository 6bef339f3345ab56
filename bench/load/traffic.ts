import { createHistogram } from 'node:perf_hooks'
import type { LoadSample } from '../protocol.ts'

/** What one load has received so far: messages and the round trips of its batches. */
export class Traffic {
  #messages = 0
  #wireBytes = 0
  // Nanoseconds, three significant figures: recording is a native call, cheap enough for every batch.
  readonly #roundTrips = createHistogram({ figures: 3 })

  /** Of replies that were verified. */
  received(messages: number, bytes: number): void {
    this.#messages += messages
    this.#wireBytes += bytes
  }

  /** A batch written at `startedMs` (`performance.now()`) is complete; returns the time now. */
  roundTrip(startedMs: number): number {
    const nowMs = performance.now()
    this.#roundTrips.record(Math.max(1, Math.round((nowMs - startedMs) * 1e6)))
    return nowMs
  }

  sample(): LoadSample {
    const { user, system } = process.cpuUsage()
    const measured = this.#roundTrips.count > 0
    return {
      atMs: performance.now(),
      cpuUs: user + system,
      messages: this.#messages,
      wireBytes: this.#wireBytes,
      p50Us: measured ? this.#roundTrips.percentile(50) / 1000 : 0,
      p99Us: measured ? this.#roundTrips.percentile(99) / 1000 : 0,
      maxUs: measured ? this.#roundTrips.max / 1000 : 0,
    }
  }

  resetRoundTrips(): void {
    this.#roundTrips.reset()
  }
}
