import type { RunningShard } from './running-shard.ts'

/** More deaths than this within the period, and the seat is left alone for a while. */
const RESTART_BUDGET = 3
const RESTART_PERIOD_MS = 5000
/** How long a degraded seat is left alone before it is tried again. */
const DEGRADED_PAUSE_MS = 30_000

/** The place of one shard: who has it, who is on the way to it, and how often its shards have died. */
export class Seat {
  /** The index of its shard: its row in shared memory. A successor that is there at the same time has another one. */
  row: number
  #current: RunningShard | null = null
  /** The latest start for this seat, until there is a shard; others have come too late. */
  #attempt: object | null = null
  /** Times of the latest deaths, oldest first, monotonic milliseconds. */
  #deathsMs: readonly number[] = []
  #isDegraded = false
  #retry: NodeJS.Timeout | undefined

  constructor(row: number) {
    this.row = row
  }

  get current(): RunningShard | null {
    return this.#current
  }

  get isDegraded(): boolean {
    return this.#isDegraded
  }

  /** Nobody has it, and nobody is on the way: its row is free for others once the seat is not needed. */
  get isVacant(): boolean {
    return this.#current === null && this.#attempt === null
  }

  /** A shard is started for it. Returns whether that one is still wanted: somebody else may have got the seat meanwhile, or it may be gone. */
  expect(): () => boolean {
    const attempt = {}
    this.#attempt = attempt
    return () => this.#attempt === attempt
  }

  seat(shard: RunningShard): void {
    this.#attempt = null
    this.#current = shard
    this.row = shard.index
  }

  /** Its shard adopts connections. */
  recover(): void {
    this.#isDegraded = false
  }

  /** Nobody has it any more, nobody who is on the way is wanted, and nothing is tried again. Returns who had it. */
  clear(): RunningShard | null {
    const former = this.#current
    this.#current = null
    this.#attempt = null
    this.#isDegraded = false
    this.stopWaiting()
    return former
  }

  /** Its shard has died, or could not be started. Whether to leave it alone for a while is in `isDegraded` then. */
  lose(nowMs: number): void {
    this.#current = null
    this.#attempt = null
    this.#deathsMs = [...this.#deathsMs, nowMs].filter((deathMs) => nowMs - deathMs < RESTART_PERIOD_MS)
    if (this.#deathsMs.length <= RESTART_BUDGET) return
    this.#deathsMs = []
    this.#isDegraded = true
  }

  /** Calls back after the pause of a degraded seat. */
  retryLater(retry: () => void): void {
    this.#retry = setTimeout(retry, DEGRADED_PAUSE_MS)
  }

  stopWaiting(): void {
    clearTimeout(this.#retry)
  }
}
