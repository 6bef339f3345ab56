import { RestartBudget } from './restart-budget.ts'
import type { RunningShard } from './running-shard.ts'

/** The place of one shard: who has it, who is on the way to it, and how often its shards have died. */
export class Seat {
  /** The index of its shard: its row in shared memory. A successor that is there at the same time has another one. */
  row: number
  #current: RunningShard | null = null
  /** The latest start for this seat, until there is a shard; others have come too late. */
  #attempt: object | null = null
  readonly #budget = new RestartBudget()

  constructor(row: number) {
    this.row = row
  }

  get current(): RunningShard | null {
    return this.#current
  }

  get isDegraded(): boolean {
    return this.#budget.isDegraded
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
    this.#budget.recover()
  }

  /** Nobody has it any more, nobody who is on the way is wanted, and nothing is tried again. Returns who had it. */
  clear(): RunningShard | null {
    const former = this.#current
    this.#current = null
    this.#attempt = null
    this.#budget.recover()
    this.stopWaiting()
    return former
  }

  /** Its shard has died, or could not be started. Whether to leave it alone for a while is in `isDegraded` then. */
  lose(nowMs: number): void {
    this.#current = null
    this.#attempt = null
    this.#budget.spend(nowMs)
  }

  /** Calls back after the pause of a degraded seat. */
  retryLater(retry: () => void): void {
    this.#budget.retryLater(retry)
  }

  stopWaiting(): void {
    this.#budget.stopWaiting()
  }
}
