import { performance } from 'node:perf_hooks'
import { ShardwsError } from '../shared/errors.ts'
import { RunningShard, type ShardSetup } from './running-shard.ts'
import { Watchdog, type WatchdogObserver } from './watchdog.ts'

/** More deaths than this within the period, and the shard is left alone for a while. */
const RESTART_BUDGET = 3
const RESTART_PERIOD_MS = 5000
/** How long a degraded shard is left alone before it is tried again. */
const DEGRADED_PAUSE_MS = 30_000
/** How long a thread that was told to end at once is waited for: one that is stuck in native code goes when that returns. */
const TERMINATE_MS = 1000

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
  /** `shard` is gone and so are all its connections. */
  onShardEnded(shard: RunningShard): void
  /** It has ended as it was told to, its connections being gone. */
  onShardRetired(shard: RunningShard): void
  onShardEvent(event: ShardEvent): void
  /** Shards retire: they get no new connections. */
  onSeatsChanged(): void
}

interface Seat {
  current: RunningShard | null
  /** The index of its shard: its row in shared memory. A successor that is there at the same time has another one. */
  row: number
  /** Times of the latest deaths, oldest first, monotonic milliseconds. */
  deaths: number[]
  isDegraded: boolean
  retry: NodeJS.Timeout | undefined
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
  readonly #starts = new Set<Promise<RunningShard>>()
  readonly #watchdog: Watchdog
  /** Threads that were told to end and are not gone yet. */
  readonly #zombies = new Set<Promise<void>>()
  #isStopping = false

  constructor(setup: ShardSetup, seats: number, observer: SupervisorObserver) {
    this.#setup = setup
    this.#observer = observer
    this.#seats = Array.from({ length: seats }, (_, row) => newSeat(row))
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
    return [...this.#seats.flatMap(({ current }) => (current === null ? [] : [current])), ...this.#retiring]
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
    return this.#zombies.size
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

  /** Stops every shard; one that has not ended by `deadlineMs` is destroyed. */
  async stop(deadlineMs: number): Promise<void> {
    this.#isStopping = true
    this.#watchdog.stop()
    for (const seat of this.#seats) clearTimeout(seat.retry)
    await Promise.allSettled(this.#starts)
    await Promise.all(
      this.shards.map(async (shard) => {
        shard.stop()
        await within(deadlineMs, shard.ended)
        this.#bury(shard)
      }),
    )
    await within(TERMINATE_MS, Promise.all(this.#zombies))
  }

  /**
   * Starts a new shard and lets it take this seat; the former one retires. Rejects with SHARD_START_FAILED, and nothing
   * has changed.
   */
  async succeed(position: number): Promise<{ readonly former: RunningShard | null; readonly successor: RunningShard }> {
    const seat = this.#seats[position] as Seat
    const successor = await this.#startApart()
    this.#retiring.delete(successor)
    const former = seat.current
    if (former !== null) this.#retiring.add(former)
    seat.current = successor
    seat.row = successor.index
    void this.#watch(seat, successor)
    this.#observer.onSeatsChanged()
    return { former, successor }
  }

  /** Adds a seat and its shard. Rejects with SHARD_START_FAILED. */
  async grow(): Promise<void> {
    const successor = await this.#startApart()
    this.#retiring.delete(successor)
    const seat = newSeat(successor.index)
    seat.current = successor
    this.#seats.push(seat)
    void this.#watch(seat, successor)
  }

  /** Removes the last seats; their shards retire. */
  shrink(seats: number): readonly RunningShard[] {
    const removed = this.#seats.splice(seats)
    for (const { retry } of removed) clearTimeout(retry)
    const shards = removed.flatMap(({ current }) => current ?? [])
    for (const shard of shards) this.#retiring.add(shard)
    this.#observer.onSeatsChanged()
    return shards
  }

  /** Ends a shard that retires, once its connections are gone, but no later than that. */
  async retire(shard: RunningShard, farewellMs: number): Promise<void> {
    if (farewellMs > 0) await within(farewellMs, shard.isEmpty())
    if (!this.#retiring.delete(shard)) return
    shard.isRetired = true
    shard.stop()
    await within(TERMINATE_MS, shard.ended)
    this.#observer.onShardRetired(shard)
    this.#bury(shard)
    this.#freeRows.push(shard.index)
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
    await Promise.all(this.#seats.map(async (seat) => (await this.#start(seat)).isReady))
  }

  #start(seat: Seat): Promise<RunningShard> {
    return this.#tracked(async () => {
      const shard = await this.#create(seat.row)
      seat.current = shard
      void this.#watch(seat, shard)
      return shard
    })
  }

  /** A shard without a seat, ready to adopt connections: it counts as retiring until it has one, or `stop` would miss it. Rejects with SHARD_START_FAILED. */
  #startApart(): Promise<RunningShard> {
    const row = this.#freeRows.shift()
    if (row === undefined) throw new ShardwsError('SHARD_START_FAILED', 'there are too many shards')
    return this.#tracked(async () => {
      const shard = await this.#create(row)
      this.#retiring.add(shard)
      try {
        await shard.isReady
      } catch (error) {
        this.#observer.onShardRetired(shard)
        this.#bury(shard)
        this.#retiring.delete(shard)
        this.#freeRows.push(row)
        throw error
      }
      return shard
    })
  }

  async #create(row: number): Promise<RunningShard> {
    if (this.#isStopping) throw new ShardwsError('SERVER_CLOSED')
    const shard = await RunningShard.start(row, this.#setup)
    this.#observer.onShardCreated(shard)
    return shard
  }

  #tracked(start: () => Promise<RunningShard>): Promise<RunningShard> {
    const started = start()
    this.#starts.add(started)
    return started.finally(() => this.#starts.delete(started))
  }

  async #watch(seat: Seat, shard: RunningShard): Promise<void> {
    const hasStarted = await shard.isReady.then(
      () => this.#onAdopting(seat, shard),
      () => false,
    )
    const cause = await (hasStarted ? outcome(shard.ended) : outcome(shard.isReady))
    if (this.#isStopping || shard.isRetired) return
    const isSeated = seat.current === shard
    if (isSeated) seat.current = null
    else if (this.#retiring.delete(shard)) this.#freeRows.push(shard.index)
    this.#observer.onShardEnded(shard)
    this.#observer.onShardEvent({ kind: 'exited', shard: shard.index, cause })
    // Not awaited: a thread that is stuck in native code may take long to go, its replacement must not.
    this.#bury(shard)
    if (isSeated && this.#seats.includes(seat)) this.#replace(seat)
  }

  #bury(shard: RunningShard): void {
    const gone = shard.destroy().catch(() => {})
    this.#zombies.add(gone)
    void gone.then(() => this.#zombies.delete(gone))
  }

  #onAdopting(seat: Seat, shard: RunningShard): true {
    seat.isDegraded = false
    this.#observer.onShardEvent({ kind: 'started', shard: shard.index })
    this.announce()
    return true
  }

  #replace(seat: Seat): void {
    const now = performance.now()
    seat.deaths = [...seat.deaths, now].filter((time) => now - time < RESTART_PERIOD_MS)
    if (seat.deaths.length <= RESTART_BUDGET) {
      this.#restart(seat)
      return
    }
    seat.deaths = []
    seat.isDegraded = true
    this.#observer.onShardEvent({ kind: 'degraded', shard: seat.row })
    seat.retry = setTimeout(() => this.#restart(seat), DEGRADED_PAUSE_MS)
  }

  #restart(seat: Seat): void {
    this.#start(seat).catch((cause: unknown) => {
      if (this.#isStopping) return
      this.#observer.onShardEvent({ kind: 'exited', shard: seat.row, cause })
      this.#replace(seat)
    })
  }
}

function newSeat(row: number): Seat {
  return { current: null, row, deaths: [], isDegraded: false, retry: undefined }
}

/** Waits for `work` to settle, but no longer than that. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work.catch(() => {}), late])
  clearTimeout(timer)
}

async function outcome(promise: Promise<void>): Promise<unknown> {
  return promise.then(
    () => new ShardwsError('SHARD_FAILED', 'its task ended'),
    (cause: unknown) => cause,
  )
}
