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

export type ShardEventKind = 'started' | 'stalled' | 'resumed' | 'exited' | 'degraded'

export interface ShardEvent {
  readonly kind: ShardEventKind
  readonly shard: number
  /** Why it exited. */
  readonly cause?: unknown
}

export interface SupervisorObserver {
  /** It takes messages; when it adopts connections, the event tells. */
  onShardCreated(shard: RunningShard): void
  /** `shard` is gone and so are all its connections. */
  onShardEnded(shard: RunningShard): void
  onShardEvent(event: ShardEvent): void
}

interface Seat {
  current: RunningShard | null
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
    this.#seats = Array.from({ length: seats }, () => ({
      current: null,
      deaths: [],
      isDegraded: false,
      retry: undefined,
    }))
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

  get shards(): readonly RunningShard[] {
    return this.#seats.flatMap(({ current }) => (current === null ? [] : [current]))
  }

  /** By index; null while that shard is gone. */
  get seats(): readonly (RunningShard | null)[] {
    return this.#seats.map(({ current }) => current)
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
    await Promise.all(this.#seats.map(async (_, index) => (await this.#start(index)).isReady))
  }

  #start(index: number): Promise<RunningShard> {
    const start = this.#fill(this.#seats[index] as Seat, index)
    this.#starts.add(start)
    return start.finally(() => this.#starts.delete(start))
  }

  async #fill(seat: Seat, index: number): Promise<RunningShard> {
    if (this.#isStopping) throw new ShardwsError('SERVER_CLOSED')
    const shard = await RunningShard.start(index, this.#setup)
    seat.current = shard
    this.#observer.onShardCreated(shard)
    void this.#watch(seat, shard)
    return shard
  }

  async #watch(seat: Seat, shard: RunningShard): Promise<void> {
    const hasStarted = await shard.isReady.then(
      () => this.#onAdopting(seat, shard),
      () => false,
    )
    const cause = await (hasStarted ? outcome(shard.ended) : outcome(shard.isReady))
    if (this.#isStopping) return
    seat.current = null
    this.#observer.onShardEnded(shard)
    this.#observer.onShardEvent({ kind: 'exited', shard: shard.index, cause })
    // Not awaited: a thread that is stuck in native code may take long to go, its replacement must not.
    this.#bury(shard)
    this.#replace(seat, shard.index)
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

  #replace(seat: Seat, index: number): void {
    const now = performance.now()
    seat.deaths = [...seat.deaths, now].filter((time) => now - time < RESTART_PERIOD_MS)
    if (seat.deaths.length <= RESTART_BUDGET) {
      this.#restart(seat, index)
      return
    }
    seat.deaths = []
    seat.isDegraded = true
    this.#observer.onShardEvent({ kind: 'degraded', shard: index })
    seat.retry = setTimeout(() => this.#restart(seat, index), DEGRADED_PAUSE_MS)
  }

  #restart(seat: Seat, index: number): void {
    this.#start(index).catch((cause: unknown) => {
      if (this.#isStopping) return
      this.#observer.onShardEvent({ kind: 'exited', shard: index, cause })
      this.#replace(seat, index)
    })
  }
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
