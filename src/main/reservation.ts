import type { ConnectionKey } from '../shared/connection-key.ts'
import type { ErrorCode } from '../shared/errors.ts'
import type { UpgradeRequest } from '../shared/upgrade-request.ts'
import type { MainCounters } from './main-counters.ts'
import type { RunningShard } from './running-shard.ts'

/** How long a shard may take to confirm a reservation before another one is asked. */
const RESERVE_TIMEOUT_MS = 1000

/** Where connections can go now. */
export interface ReservationContext {
  readonly counters: MainCounters
  /** By the clock that calls `sweep`. */
  readonly nowMs: number
  /** Null: none can take it now, and any will do. @throws ShardwsError PLACEMENT_FAILED */
  chooseSeat(request: UpgradeRequest): number | null
  /** Whether new connections may go there. */
  isSeated(shard: RunningShard): boolean
  shardAt(seat: number): RunningShard | null
  /** Whether it is worth waiting for the shard of this seat. */
  isComing(seat: number): boolean
  /** Calls back once when a shard can take connections again; false when none will. */
  awaitShard(callback: () => void): boolean
  cancelAwait(callback: () => void): void
  onError(error: Error): void
}

/** Who wants a place. */
interface Applying {
  readonly key: ConnectionKey
  readonly request: UpgradeRequest
  /** The handler module that the shard must have, -1 for none. */
  readonly module: number
  /** The shard that has read the request and can be the only one; null: any. */
  readonly home: RunningShard | null
  fail(code: ErrorCode): void
}

/** The place of one handshake: the shard that is asked to confirm that it will take the socket, and another one if it does not. */
export class Reservation {
  readonly #applying: Applying
  readonly #context: ReservationContext
  #shard: RunningShard | null = null
  /** Whose shard cannot take it yet, and no other one will do. */
  #awaitedSeat: number | null = null
  /** By when the shard must have confirmed it. */
  #dueMs = Number.POSITIVE_INFINITY
  readonly #onAdopting = (): void => this.begin()

  constructor(applying: Applying, context: ReservationContext) {
    this.#applying = applying
    this.#context = context
  }

  /** The shard where the handshake is counted, null for none. */
  get shard(): RunningShard | null {
    return this.#shard
  }

  /** Asks a shard, now or as soon as there is one; the handshake fails if there will be none. */
  begin(): void {
    const { home, request } = this.#applying
    if (home !== null) return this.#stayAt(home)
    let seat: number | null
    try {
      seat = this.#context.chooseSeat(request)
    } catch (error) {
      this.#context.counters.handlerErrors++
      this.#context.onError(error as Error)
      this.#applying.fail('PLACEMENT_FAILED')
      return
    }
    if (seat !== null) this.#take(seat)
    else if (!this.#context.awaitShard(this.#onAdopting)) this.#applying.fail('NO_SHARD')
  }

  /** The shard will take the socket. */
  confirm(): void {
    this.#dueMs = Number.POSITIVE_INFINITY
  }

  /** The shard will not take the socket, or has not said so in time. */
  replace(): void {
    this.#context.counters.replaced++
    if (this.#shard !== null) this.#shard.assigned--
    this.#shard = null
    this.#dueMs = Number.POSITIVE_INFINITY
    this.begin()
  }

  sweep(nowMs: number): void {
    if (nowMs >= this.#dueMs) {
      if (this.#shard !== null) this.#shard.isLate = true
      this.replace()
    }
    // That memory is free again is not announced.
    else if (this.#awaitedSeat !== null) this.#take(this.#awaitedSeat)
  }

  /** No shard is asked any more. */
  end(): void {
    this.#context.cancelAwait(this.#onAdopting)
  }

  /** The request was read there. One that is late is waited for: nobody else can take its place. */
  #stayAt(home: RunningShard): void {
    if (home.isRunning && this.#context.isSeated(home)) this.#reserve(home)
    else this.#applying.fail('NO_SHARD')
  }

  #take(seat: number): void {
    const shard = this.#context.shardAt(seat)
    if (!shard?.canTake) {
      this.#awaitedSeat = seat
      if (!this.#context.isComing(seat)) this.#applying.fail('NO_SHARD')
      return
    }
    this.#awaitedSeat = null
    this.#dueMs = this.#context.nowMs + RESERVE_TIMEOUT_MS
    this.#reserve(shard)
  }

  #reserve(shard: RunningShard): void {
    this.#shard = shard
    shard.assigned++
    shard.link.reserve(this.#applying.key, this.#applying.module)
  }
}
