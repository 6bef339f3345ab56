import { performance } from 'node:perf_hooks'
import type { ComputePool } from './compute-pool.ts'
import type { Logger } from './logger.ts'
import type { MainCounters } from './main-counters.ts'
import type { Peer } from './peer.ts'
import type { PeerRegistry } from './peer-registry.ts'
import type { ShutdownPlan } from './shutdown-options.ts'
import type { Supervisor } from './supervisor.ts'

/** How long a shard may take to end after its connections are gone, at least: its handlers have until the deadline. */
const STOP_DEADLINE_MS = 2000

/** Between two batches of closes, on the average. */
const BATCH_MS = 50

/** How a shutdown went. */
export interface ShutdownReport {
  /** Connections that were open when it began. */
  readonly connections: number
  /** Those that ended before the deadline. */
  readonly closed: number
  /** Those of the latter that left during `graceMs`, before they were asked to. */
  readonly left: number
  /** Connections that were destroyed at the deadline, or by a second signal. */
  readonly terminated: number
  /** Bytes queued for the destroyed ones: they are lost. */
  readonly unsentBytes: number
  /** Opening handshakes that were refused meanwhile. */
  readonly refused: number
  /** Threads that are stuck in native code: they end when that returns, and keep the process alive until then. */
  readonly zombies: number
  /** Whether a second signal cut it short. */
  readonly wasForced: boolean
  /** Milliseconds from the call to the end. */
  readonly elapsedMs: number
}

/** What a shutdown needs of its engine. */
export interface ShutdownHost {
  readonly peers: PeerRegistry
  readonly supervisor: Supervisor
  readonly compute: ComputePool
  readonly counters: MainCounters
  readonly options: { readonly logger: Logger }
  refuseNewcomers(retryAfterSeconds: number | null): void
  broadcast(message: string | Uint8Array, options: boolean): boolean
  onDraining(plan: ShutdownPlan): void
  /** What the application was asked for has failed. */
  onHandlerError(error: Error): void
  /** No connection is left, nor a shard. */
  onShutDown(): void
}

/** The end of an engine, in order: nobody new, a notice, a time of grace, closes, and at a deadline the rest. */
export class Shutdown {
  readonly report: Promise<ShutdownReport>
  readonly #host: ShutdownHost
  readonly #plan: ShutdownPlan
  /** Aborted when there is nobody to wait for, or no time. */
  readonly #over = new AbortController()
  /** Aborted when there is no time. */
  readonly #late = new AbortController()
  #onReport!: (report: Promise<ShutdownReport>) => void
  #wasForced = false
  readonly #forced: Promise<void>
  #onForced!: () => void

  constructor(host: ShutdownHost, plan: ShutdownPlan) {
    this.#host = host
    this.#plan = plan
    this.#forced = new Promise((resolve) => {
      this.#onForced = resolve
    })
    this.report = new Promise((resolve) => {
      this.#onReport = resolve
    })
  }

  /** Apart from the constructor: a listener of `draining` may ask for the report already. */
  start(): void {
    this.#onReport(this.#run())
  }

  /** No connection is left, nor a handshake under way. */
  onAllClosed(): void {
    this.#over.abort()
  }

  /** Everything is destroyed now. */
  force(): void {
    this.#wasForced = true
    this.#onForced()
    this.#expire()
  }

  async #run(): Promise<ShutdownReport> {
    const { peers, supervisor, compute, counters, options } = this.#host
    const { deadlineMs, graceMs, retryAfterSeconds, code } = this.#plan
    const startedMs = performance.now()
    const deadline = setTimeout(() => this.#expire(), deadlineMs)
    const connections = peers.size
    options.logger.info({ connections, code, deadlineMs }, 'shutting down')
    this.#host.refuseNewcomers(retryAfterSeconds)
    this.#host.onDraining(this.#plan)
    this.#notify()
    if (peers.claimed === 0) this.#over.abort()
    if (graceMs > 0) await this.#pause(graceMs)
    const left = connections - peers.size
    await this.#closeAll()
    // Whoever is still open has asked for its last task.
    await Promise.all([this.#pause(), compute.close(this.#late.signal)])
    clearTimeout(deadline)
    this.#late.abort()

    const terminated = peers.size
    const unsentBytes = [...peers].reduce((sum, { bufferedAmount }) => sum + bufferedAmount, 0)
    for (const peer of peers) peer.terminate()
    const leftMs = deadlineMs - (performance.now() - startedMs)
    await supervisor.stop(Math.max(STOP_DEADLINE_MS, leftMs), this.#forced)
    this.#host.onShutDown()
    const report = {
      connections,
      closed: connections - terminated,
      left,
      terminated,
      unsentBytes,
      refused: counters.rejected.get('SHUTTING_DOWN') ?? 0,
      zombies: supervisor.zombies,
      wasForced: this.#wasForced,
      elapsedMs: performance.now() - startedMs,
    }
    options.logger.info(report, 'shut down')
    return report
  }

  #expire(): void {
    this.#late.abort()
    this.#over.abort()
  }

  #notify(): void {
    const { notice } = this.#plan
    if (notice === null) return
    try {
      const message = typeof notice === 'function' ? notice() : notice
      this.#host.broadcast(message, typeof message !== 'string')
    } catch (error) {
      this.#host.onHandlerError(error as Error)
    }
  }

  /** In the same tick, or in batches that keep to the time. */
  async #closeAll(): Promise<void> {
    const { code, reason, drainMs } = this.#plan
    const peers = drainMs === 0 ? [...this.#host.peers] : shuffled(this.#host.peers)
    const beganMs = performance.now()
    let closed = 0
    while (closed < peers.length && !this.#over.signal.aborted) {
      const share = drainMs === 0 ? 1 : Math.min(1, (performance.now() - beganMs) / drainMs)
      for (; closed < share * peers.length; closed++) peers[closed]?.close(code, reason)
      if (closed < peers.length) await this.#pause(Math.min(drainMs, BATCH_MS) * (0.5 + Math.random()))
    }
  }

  /** Until it is over, or no longer than that. */
  #pause(ms?: number): Promise<void> {
    const { signal } = this.#over
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(end, ms)
      function end(): void {
        clearTimeout(timer)
        signal.removeEventListener('abort', end)
        resolve()
      }
      signal.addEventListener('abort', end)
    })
  }
}

/** Those who came together do not go together. */
function shuffled(peers: Iterable<Peer>): Peer[] {
  return [...peers]
    .map((peer) => ({ peer, rank: Math.random() }))
    .sort((one, other) => one.rank - other.rank)
    .map(({ peer }) => peer)
}
