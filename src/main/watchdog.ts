import { Sweep } from '../shared/sweep.ts'
import type { RunningShard } from './running-shard.ts'

export interface WatchdogOptions {
  readonly stallMs: number
  /** 0 = never. */
  readonly killMs: number
  /** Between two beats of a shard. */
  readonly beatMs: number
}

export interface WatchdogObserver {
  /** Its thread has stood still for `stallMs`. */
  onStalled(shard: RunningShard): void
  /** It runs again. */
  onResumed(shard: RunningShard): void
  /** Its thread has stood still for `killMs`. */
  onDead(shard: RunningShard): void
}

interface Pulse {
  readonly beats: number
  /** When the latest of them was seen, by the sweep's clock. */
  readonly seenMs: number
}

/**
 * Notices a shard whose thread stands still by the beats that it leaves in shared memory. Its clock stands still while main
 * does, so neither main's own lag nor a pause of the whole process is held against a shard.
 */
export class Watchdog {
  readonly #options: WatchdogOptions
  readonly #shards: () => readonly RunningShard[]
  readonly #observer: WatchdogObserver
  readonly #pulses = new WeakMap<RunningShard, Pulse>()
  readonly #sweep: Sweep

  constructor(options: WatchdogOptions, shards: () => readonly RunningShard[], observer: WatchdogObserver) {
    this.#options = options
    this.#shards = shards
    this.#observer = observer
    this.#sweep = new Sweep(options.beatMs, (nowMs) => {
      for (const shard of this.#shards()) if (shard.isRunning) this.#check(shard, nowMs)
    })
  }

  start(): void {
    this.#sweep.start()
  }

  stop(): void {
    this.#sweep.stop()
  }

  #check(shard: RunningShard, nowMs: number): void {
    const { beats } = shard
    const pulse = this.#pulses.get(shard)
    if (pulse?.beats !== beats) {
      this.#pulses.set(shard, { beats, seenMs: nowMs })
      if (!shard.isStalled) return
      shard.isStalled = false
      this.#observer.onResumed(shard)
      return
    }
    const { stallMs, killMs } = this.#options
    const silentMs = nowMs - pulse.seenMs
    if (silentMs >= stallMs && !shard.isStalled) {
      shard.isStalled = true
      this.#observer.onStalled(shard)
    }
    if (killMs > 0 && silentMs >= killMs) this.#observer.onDead(shard)
  }
}
