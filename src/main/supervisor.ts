import { performance } from 'node:perf_hooks'
import { ShardwsError } from '../shared/errors.ts'
import { RunningShard, type ShardSetup } from './running-shard.ts'

/** More deaths than this within the period, and the shard is left alone for a while. */
const RESTART_BUDGET = 3
const RESTART_PERIOD_MS = 5000
/** How long a degraded shard is left alone before it is tried again. */
const DEGRADED_PAUSE_MS = 30_000

export type ShardEventKind = 'started' | 'exited' | 'degraded'

export interface ShardEvent {
  readonly kind: ShardEventKind
  readonly shard: number
  /** Why it exited. */
  readonly cause?: unknown
}

export interface SupervisorObserver {
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
export class Supervisor {
  readonly #setup: ShardSetup
  readonly #observer: SupervisorObserver
  readonly #seats: Seat[]
  readonly #ready: Promise<void>
  readonly #waiting = new Set<() => void>()
  readonly #starts = new Set<Promise<RunningShard>>()
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
    for (const seat of this.#seats) clearTimeout(seat.retry)
    await Promise.allSettled(this.#starts)
    await Promise.all(this.shards.map((shard) => stopWithin(shard, deadlineMs)))
  }

  /** A shard can take connections again: whoever waits for one may try. */
  announce(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const callback of waiting) callback()
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
    shard.destroy().catch(() => {})
    this.#replace(seat, shard.index)
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

async function stopWithin(shard: RunningShard, deadlineMs: number): Promise<void> {
  shard.stop()
  const deadline = new AbortController()
  const late = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, deadlineMs)
    deadline.signal.addEventListener('abort', () => clearTimeout(timer))
  })
  await Promise.race([shard.ended.catch(() => {}), late])
  deadline.abort()
  await shard.destroy()
}

async function outcome(promise: Promise<void>): Promise<unknown> {
  return promise.then(
    () => new ShardwsError('SHARD_FAILED', 'its task ended'),
    (cause: unknown) => cause,
  )
}
