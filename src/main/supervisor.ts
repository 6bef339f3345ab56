import { performance } from 'node:perf_hooks'
import { ShardwsError } from '../shared/errors.ts'
import { within } from '../shared/within.ts'
import { RunningShard, type ShardSetup } from './running-shard.ts'
import { Seat } from './seat.ts'
import { type ShardEnd, ShardEndings, TERMINATE_MS } from './shard-endings.ts'
import { Watchdog, type WatchdogObserver } from './watchdog.ts'

export type ShardEventKind = 'started' | 'stalled' | 'resumed' | 'evacuated' | 'exited' | 'degraded'

/** What has become of a shard. */
export interface ShardEvent {
  /** `started`, `stalled`, `resumed`, `evacuated`, `exited` or `degraded`. */
  readonly kind: ShardEventKind
  /** Its number: `shard` in `stats()` and `health()`. */
  readonly shard: number
  /** Why it exited. */
  readonly cause?: unknown
}

export interface SupervisorObserver {
  /** It takes messages; when it adopts connections, the event tells. */
  onShardCreated(shard: RunningShard): void
  /** Nothing comes from it any more, and whatever connections it still had are lost. */
  onShardGone(shard: RunningShard, how: ShardEnd): void
  onShardEvent(event: ShardEvent): void
  /** Shards retire: they get no new connections. */
  onSeatsChanged(): void
}

/** Keeps one running shard in every seat. */
export class Supervisor implements WatchdogObserver {
  readonly #setup: ShardSetup
  readonly #observer: SupervisorObserver
  readonly #seats: Seat[]
  readonly #freeRows: number[]
  /** They get no new connections and end when the present ones have moved. */
  readonly #retiring = new Set<RunningShard>()
  readonly #ready: Promise<void>
  readonly #waiting = new Set<() => void>()
  /** Shards that are being created: they are in no list yet. */
  readonly #starts = new Set<Promise<unknown>>()
  readonly #endings = new ShardEndings((shard, how) => {
    this.#dismiss(shard)
    this.#observer.onShardGone(shard, how)
  })
  readonly #watchdog: Watchdog
  #isStopping = false

  constructor(setup: ShardSetup, seats: number, observer: SupervisorObserver) {
    this.#setup = setup
    this.#observer = observer
    this.#seats = Array.from({ length: seats }, (_, row) => new Seat(row))
    this.#freeRows = Array.from({ length: setup.rows - seats }, (_, index) => seats + index)
    const { stallMs, killMs, shards, shard } = setup.options
    this.#watchdog = new Watchdog({ stallMs, killMs, beatMs: shard.beatMs }, () => this.shards, this)
    // Shard code on this thread stands still when main does, and could not be replaced.
    if (shards > 0) this.#watchdog.start()
    this.#ready = this.#startAll()
    this.#ready.catch(() => {})
  }

  /** Fulfilled when every shard adopts connections; rejected with SHARD_START_FAILED when one could not start at all. */
  ready(): Promise<void> {
    return this.#ready
  }

  /** Those that retire included. */
  get shards(): readonly RunningShard[] {
    return [...this.#seats.flatMap(({ current }) => current ?? []), ...this.#retiring]
  }

  /** Those that new connections may get; null while one is gone. */
  get seats(): readonly (RunningShard | null)[] {
    return this.#seats.map(({ current }) => current)
  }

  /** The number of the shard in this seat, also while it is gone. */
  rowOf(position: number): number {
    return (this.#seats[position] as Seat).row
  }

  get degraded(): number {
    return this.#seats.filter((seat) => seat.isDegraded).length
  }

  isDegraded(index: number): boolean {
    return this.#seats[index]?.isDegraded === true
  }

  /** Whether the shards have been told to end. */
  get isStopped(): boolean {
    return this.#isStopping
  }

  get stalled(): number {
    return this.shards.filter(({ isStalled }) => isStalled).length
  }

  /** Threads of shards that have ended, for main, and are not gone: stuck in native code, or about to go. */
  get zombies(): number {
    return this.#endings.zombies
  }

  /** Whether a shard that takes connections may appear without anybody doing anything. */
  get isStarting(): boolean {
    return !this.#isStopping && this.#seats.some(({ current, isDegraded }) => !isDegraded && !current?.isAdopting)
  }

  /** Whether this very shard takes connections, or may do so without anybody doing anything. */
  isComing(index: number): boolean {
    return !this.#isStopping && this.#seats[index]?.isDegraded === false
  }

  /** Calls back once, when the next shard starts to adopt. */
  onceAdopting(callback: () => void): void {
    this.#waiting.add(callback)
  }

  cancelOnceAdopting(callback: () => void): void {
    this.#waiting.delete(callback)
  }

  /**
   * Stops every shard; one that has not ended by `deadlineMs`, or when `forced` settles, is destroyed. Whoever waits for one to
   * start gets SERVER_CLOSED.
   */
  async stop(deadlineMs: number, forced?: Promise<void>): Promise<void> {
    this.#isStopping = true
    this.#watchdog.stop()
    for (const seat of this.#seats) seat.stopWaiting()
    await Promise.allSettled(this.#starts)
    await Promise.all(this.shards.map((shard) => this.#endings.end(shard, 'stopped', deadlineMs, forced)))
    await this.#endings.settled()
  }

  /**
   * Starts a new shard and lets it take this seat; the former one retires. Rejects with SHARD_START_FAILED or
   * SERVER_CLOSED, and nothing has changed.
   */
  async succeed(position: number): Promise<{ readonly former: RunningShard | null; readonly successor: RunningShard }> {
    const seat = this.#seats[position] as Seat
    const successor = await this.#startApart()
    const former = this.#clear(seat)
    this.#seat(seat, successor)
    this.#observer.onSeatsChanged()
    return { former, successor }
  }

  /** Adds a seat and its shard. Rejects with SHARD_START_FAILED or SERVER_CLOSED. */
  async grow(): Promise<void> {
    const successor = await this.#startApart()
    const seat = new Seat(successor.index)
    this.#seats.push(seat)
    this.#seat(seat, successor)
  }

  /** Removes the last seats; their shards retire. */
  shrink(seats: number): readonly RunningShard[] {
    const retiring = this.#seats.splice(seats).flatMap((seat) => this.#clear(seat) ?? [])
    this.#observer.onSeatsChanged()
    return retiring
  }

  /** Ends a shard that retires, once its connections are gone, but no later than that. Its handlers have `closeTimeoutMs` to end. */
  async retire(shard: RunningShard, farewellMs: number): Promise<void> {
    if (farewellMs > 0) await within(farewellMs, shard.isEmpty())
    // It may have died meanwhile.
    if (!this.#retiring.has(shard)) return
    const { closeTimeoutMs } = this.#setup.options.shard
    await this.#endings.end(shard, 'replaced', shard.isAdopting ? Math.max(TERMINATE_MS, closeTimeoutMs) : TERMINATE_MS)
  }

  /** A shard can take connections again: whoever waits for one may try. */
  announce(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const callback of waiting) callback()
  }

  // ── from the watchdog ──

  onStalled({ index }: RunningShard): void {
    this.#observer.onShardEvent({ kind: 'stalled', shard: index })
  }

  onResumed({ index }: RunningShard): void {
    this.#observer.onShardEvent({ kind: 'resumed', shard: index })
    this.announce()
  }

  onDead(shard: RunningShard): void {
    shard.abandon(new ShardwsError('SHARD_STALLED'))
  }

  async #startAll(): Promise<void> {
    // One after another would cost a thread start each; all at once they overlap.
    await Promise.all(this.#seats.map(async (seat) => (await this.#start(seat, seat.expect())).isReady))
  }

  /** `isWanted`: as of `Seat.expect`. Rejects with SHARD_START_FAILED or SERVER_CLOSED. */
  async #start(seat: Seat, isWanted: () => boolean): Promise<RunningShard> {
    const shard = await this.#create(seat.row)
    if (isWanted()) this.#seat(seat, shard)
    else void this.#endings.end(shard, 'replaced', TERMINATE_MS)
    return shard
  }

  /** A shard without a seat that adopts connections: it counts as retiring until it has one. Rejects as `succeed`. */
  async #startApart(): Promise<RunningShard> {
    const row = this.#freeRows.shift()
    if (row === undefined) throw new ShardwsError('SHARD_START_FAILED', 'there are too many shards')
    const shard = await this.#create(row).catch((error: unknown) => {
      this.#freeRows.push(row)
      throw error
    })
    const failure = await shard.isReady.then(
      () => null,
      (error: unknown) => error,
    )
    if (this.#isStopping) throw new ShardwsError('SERVER_CLOSED')
    if (failure === null) return shard
    void this.#endings.end(shard, 'replaced', TERMINATE_MS)
    throw failure
  }

  /** It is one of `shards` from then on. Rejects with SHARD_START_FAILED or SERVER_CLOSED. */
  async #create(row: number): Promise<RunningShard> {
    if (this.#isStopping) throw new ShardwsError('SERVER_CLOSED')
    const started = RunningShard.start(row, this.#setup)
    this.#starts.add(started)
    try {
      const shard = await started
      this.#retiring.add(shard)
      this.#observer.onShardCreated(shard)
      return shard
    } finally {
      this.#starts.delete(started)
    }
  }

  #seat(seat: Seat, shard: RunningShard): void {
    this.#retiring.delete(shard)
    seat.seat(shard)
    void this.#watch(seat, shard)
  }

  /** Returns the shard that had the seat: it retires. */
  #clear(seat: Seat): RunningShard | null {
    // The row of a start under way is free when that has noticed.
    if (seat.isVacant) this.#freeRows.push(seat.row)
    const former = seat.clear()
    if (former !== null) this.#retiring.add(former)
    return former
  }

  async #watch(seat: Seat, shard: RunningShard): Promise<void> {
    const hasStarted = await shard.isReady.then(
      () => this.#onAdopting(seat, shard),
      () => false,
    )
    const cause = await (hasStarted ? outcome(shard.ended) : outcome(shard.isReady))
    if (this.#endings.has(shard)) return
    const isSeated = seat.current === shard
    if (!isSeated) this.#dismiss(shard)
    else seat.lose(performance.now())
    this.#observer.onShardGone(shard, 'died')
    this.#observer.onShardEvent({ kind: 'exited', shard: shard.index, cause })
    this.#endings.bury(shard)
    if (isSeated) this.#replace(seat)
  }

  /** It has no seat any more, and its row is free. */
  #dismiss(shard: RunningShard): void {
    this.#seats.find(({ current }) => current === shard)?.clear()
    this.#retiring.delete(shard)
    this.#freeRows.push(shard.index)
  }

  #onAdopting(seat: Seat, shard: RunningShard): true {
    if (seat.current === shard) seat.recover()
    this.#observer.onShardEvent({ kind: 'started', shard: shard.index })
    this.announce()
    return true
  }

  /** Its shard is lost. */
  #replace(seat: Seat): void {
    if (this.#isStopping) return
    if (!seat.isDegraded) return this.#restart(seat)
    this.#observer.onShardEvent({ kind: 'degraded', shard: seat.row })
    seat.retryLater(() => this.#restart(seat))
  }

  #restart(seat: Seat): void {
    const isWanted = seat.expect()
    const { row } = seat
    this.#start(seat, isWanted).catch((cause: unknown) => {
      if (!isWanted()) {
        this.#freeRows.push(row)
        return
      }
      if (this.#isStopping) return
      this.#observer.onShardEvent({ kind: 'exited', shard: row, cause })
      seat.lose(performance.now())
      this.#replace(seat)
    })
  }
}

async function outcome(promise: Promise<void>): Promise<unknown> {
  return promise.then(
    () => new ShardwsError('SHARD_FAILED', 'its task ended'),
    (cause: unknown) => cause,
  )
}
