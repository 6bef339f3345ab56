import type { IncomingMessage } from 'node:http'
import { performance } from 'node:perf_hooks'
import type { Duplex } from 'node:stream'
import type { ConnectionKey } from '../shared/connection-key.ts'
import { ConnectionTable, ReadyState } from '../shared/connection-table.ts'
import { Counters } from '../shared/counters.ts'
import { ERRORS, type ErrorCode, ShardwsError } from '../shared/errors.ts'
import { bestStrategy, supports } from '../shared/handoff/probe.ts'
import { CloseCode } from '../shared/protocol/close-codes.ts'
import type { StrategyName } from '../shared/ticket.ts'
import { ComputePool } from './compute-pool.ts'
import { affordableConnections } from './descriptor-limit.ts'
import { encodeFanOut, postToEach, readFanOut } from './fan-out.ts'
import type { Handshake } from './handshake.ts'
import { LimitLog } from './limit-log.ts'
import { MainCounters } from './main-counters.ts'
import { MainLag } from './main-lag.ts'
import { validateMessage } from './message-validation.ts'
import type { ResolvedOptions } from './options.ts'
import { type BroadcastOptions, Peer, type PeerContext } from './peer.ts'
import { PeerRegistry } from './peer-registry.ts'
import { Rooms, type RoomsObserver } from './rooms.ts'
import { Router } from './router.ts'
import type { RunningShard, ShardObserver, ShardSetup } from './running-shard.ts'
import { SecurityLog } from './security-log.ts'
import { Shutdown, type ShutdownHost, type ShutdownReport } from './shutdown.ts'
import { planShutdown, type ShutdownOptions, type ShutdownPlan } from './shutdown-options.ts'
import { type ShardEvent, Supervisor, type SupervisorObserver } from './supervisor.ts'
import type { UpgradeRequest } from './upgrade-request.ts'
import { Upgrades } from './upgrades.ts'

const SHARD_LOG_LEVELS = {
  started: 'info',
  stalled: 'warn',
  resumed: 'info',
  exited: 'error',
  degraded: 'error',
} as const

/** What a facade hears from its engine. */
export interface EngineObserver extends RoomsObserver {
  onConnection(peer: Peer, request: UpgradeRequest): void
  /** Returns a promise that never rejects if the application works on the message until then. */
  onMessage(peer: Peer, message: Buffer, isBinary: boolean): Promise<unknown> | undefined
  onClose(peer: Peer, code: number, reason: string): void
  onDrain(peer: Peer): void
  onDropped(peer: Peer): void
  onShardEvent(event: ShardEvent): void
  /** A shutdown has begun: newcomers are refused, nobody has been told anything yet. */
  onDraining(plan: ShutdownPlan): void
}

/** Main's owner of all shards: the one object a facade holds. */
export class Engine implements ShardObserver, SupervisorObserver, ShutdownHost {
  readonly options: ResolvedOptions
  readonly counters = new MainCounters()
  readonly mainLag = new MainLag()
  /** Connections at a time: `maxConnections`, or as many as there are descriptors for. */
  readonly capacity: number
  readonly limitLog: LimitLog
  readonly securityLog: SecurityLog
  readonly shardCounters: Counters
  readonly peers: PeerRegistry
  readonly rooms: Rooms
  readonly router = new Router()
  readonly supervisor: Supervisor
  readonly compute: ComputePool
  readonly #table: ConnectionTable
  readonly #observer: EngineObserver
  readonly #upgrades: Upgrades
  readonly #peerContext: PeerContext
  #strategy: StrategyName | null = null
  #contexts = 0
  #shutdown: Shutdown | null = null

  constructor(options: ResolvedOptions, observer: EngineObserver) {
    const shards = Math.max(1, options.shards)
    this.options = options
    this.#observer = observer
    this.capacity = this.#affordable(options.maxConnections)
    this.#table = ConnectionTable.allocate(this.capacity)
    this.shardCounters = Counters.allocate(shards)
    this.peers = new PeerRegistry(this.#table, this.capacity)
    this.limitLog = new LimitLog(options.logger)
    this.securityLog = new SecurityLog(options.logger)
    this.compute = new ComputePool(options.compute, options.logger, this.limitLog)
    const { counters, limitLog, securityLog, peers } = this
    const find = (id: string): Peer | undefined => peers.find(id)
    this.rooms = new Rooms({ options, counters, limitLog, observer, find, shards: () => this.supervisor.shards })
    this.#peerContext = {
      table: this.#table,
      rooms: this.rooms,
      counters,
      limitLog,
      securityLog,
      options: options.shard,
    }
    const setup: ShardSetup = {
      options,
      strategy: this.#chooseStrategy(),
      table: this.#table,
      counters: this.shardCounters,
      observer: this,
    }
    this.supervisor = new Supervisor(setup, shards, this)
    this.#upgrades = new Upgrades(this)
  }

  /** How sockets reach the shards; null until that is known. */
  get strategy(): StrategyName | null {
    return this.#strategy
  }

  /** Connections that keep compression contexts. */
  get contexts(): number {
    return this.#contexts
  }

  get isShutDown(): boolean {
    return this.#shutdown !== null
  }

  /** To be called in the `upgrade` event's own tick. Never throws for what the client did. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#upgrades.accept(request, socket, head)
  }

  /** Refuses an upgrade request that is not for this server. */
  reject(socket: Duplex, code: ErrorCode): void {
    this.#upgrades.reject(socket, new ShardwsError(code))
  }

  /** Sends to every open connection. Returns false if a shard was too far behind to take it. */
  broadcast(message: string | Uint8Array, options: boolean | BroadcastOptions): boolean {
    const { flags, except } = readFanOut(message, options, (id) => this.peers.find(id))
    const { frame, payloadBytes } = encodeFanOut(message, flags, except)
    // One that is adopting may be about to get its first connection.
    const shards = this.supervisor.shards.filter(({ isAdopting, connections }) => isAdopting || connections > 0)
    return postToEach(shards, this.counters, (link) => link.broadcast(frame, payloadBytes, except, flags))
  }

  /**
   * Refuses new connections, closes the open ones, then stops the shards. Later calls return the first one's report.
   *
   * @throws ShardwsError ARGUMENT_INVALID, OPTION_UNKNOWN
   */
  shutdown(options: ShutdownOptions = {}): Promise<ShutdownReport> {
    const plan = planShutdown(options)
    if (this.#shutdown === null) {
      this.#shutdown = new Shutdown(this, plan)
      this.#shutdown.start()
    }
    return this.#shutdown.report
  }

  /** Destroys at once what a shutdown has not ended yet. */
  forceShutdown(): void {
    this.#shutdown?.force()
  }

  // ── from the shutdown ──

  refuseNewcomers(retryAfterSeconds: number | null): void {
    this.#upgrades.close(retryAfterSeconds)
  }

  onDraining(plan: ShutdownPlan): void {
    this.#observer.onDraining(plan)
  }

  onHandlerError(error: Error): void {
    this.counters.handlerErrors++
    this.#observer.onError(null, error)
  }

  abandonAll(): void {
    // A shard that was blocked, or ended before its last words were read, has not told of them.
    this.#abandon([...this.peers], 'the server shut down')
    this.mainLag.stop()
  }

  // ── from the opening handshakes ──

  /**
   * The client has its 101 and the socket is on its way. From here on the connection is open for main: what is
   * posted now is behind the socket on the same port, so a client that knows it is open misses nothing.
   */
  onOpened({ key, request, agreement }: Handshake, shard: RunningShard): void {
    const peer = new Peer(key, shard, this.#peerContext, request, agreement)
    if (peer.keepsContext) this.#contexts++
    this.#table.setShard(key, shard.index)
    this.#table.setReadyState(key, ReadyState.OPEN)
    const now = performance.timeOrigin + performance.now()
    this.#table.setConnectedAt(key, now)
    this.#table.setLastActivity(key, now)
    this.peers.open(peer)
    this.counters.opened++
    this.#observer.onConnection(peer, request)
  }

  // ── from the shards ──

  onAwake(): void {
    this.supervisor.announce()
  }

  onReserved(shard: RunningShard, key: ConnectionKey): void {
    this.#upgrades.onReserved(shard, key)
  }

  onReceived(key: ConnectionKey, payload: Buffer, isBinary: boolean): void {
    const peer = this.peers.get(key)
    if (peer === undefined) return
    if (!this.#isValid(peer, payload, isBinary)) return
    const work = this.#observer.onMessage(peer, payload, isBinary)
    if (work !== undefined) peer.workOn(work, payload.length)
  }

  onDrained(key: ConnectionKey): void {
    const peer = this.peers.get(key)
    if (peer?.drained()) this.#observer.onDrain(peer)
  }

  onDropped(key: ConnectionKey): void {
    const peer = this.peers.get(key)
    if (peer === undefined) return
    peer.dropped()
    this.limitLog.reached('maxBackpressure', { id: peer.id })
    this.#observer.onDropped(peer)
  }

  onLimited(key: ConnectionKey, option: string): void {
    const peer = this.peers.get(key)
    if (peer !== undefined) this.limitLog.reached(option, { id: peer.id })
  }

  onFailed(key: ConnectionKey, code: string, cause: string): void {
    const peer = this.peers.get(key)
    if (peer === undefined) return
    const { option, closeCode } = ERRORS[code as ErrorCode]
    if (option !== undefined) this.limitLog.reached(option, { id: peer.id, code })
    if (closeCode === CloseCode.POLICY_VIOLATION) this.securityLog.closed(peer, ERRORS[code as ErrorCode].message)
    const error = code === 'TRANSPORT_FAILED' ? new ShardwsError(code, cause) : new ShardwsError(code as ErrorCode)
    this.#observer.onError(peer, error)
  }

  onClosed(shard: RunningShard, key: ConnectionKey, code: number, reason: string): void {
    shard.assigned--
    this.#release(key, code, reason)
  }

  // ── from the supervisor ──

  onShardEnded(shard: RunningShard): void {
    this.counters.shardDeaths++
    this.#upgrades.onShardEnded(shard)
    this.#abandon(
      [...this.peers].filter((peer) => peer.isOn(shard)),
      'the shard ended',
    )
  }

  onShardEvent(event: ShardEvent): void {
    const { kind, shard, cause } = event
    if (kind === 'stalled') this.counters.shardStalls++
    if ((cause as ShardwsError | undefined)?.code === 'SHARD_STALLED') this.counters.shardKills++
    this.options.logger[SHARD_LOG_LEVELS[kind]]({ shard, cause: String(cause ?? '') }, `shard ${kind}`)
    this.#observer.onShardEvent(event)
  }

  onError(error: Error): void {
    this.#observer.onError(null, error)
  }

  /** Whether the application gets to see a message. */
  #isValid(peer: Peer, payload: Buffer, isBinary: boolean): boolean {
    const { validate, onInvalid } = this.options.guards
    if (validate === null) return true
    try {
      const error = validateMessage(validate, payload, isBinary)
      if (error === null) return true
      this.counters.invalidMessages++
      this.#observer.onError(peer, error)
      if (onInvalid === 'close') peer.close(CloseCode.POLICY_VIOLATION, ERRORS.MESSAGE_INVALID.message)
    } catch (error) {
      this.counters.handlerErrors++
      this.#observer.onError(peer, error as Error)
    }
    return false
  }

  #affordable(wanted: number): number {
    const capacity = affordableConnections(wanted)
    if (capacity < wanted) {
      const details = { option: 'maxConnections', wanted, capacity }
      this.options.logger.warn(
        details,
        'the limit of open files (ulimit -n) allows fewer connections than maxConnections',
      )
    }
    return capacity
  }

  /** Their shard can say nothing of them any more. */
  #abandon(peers: readonly Peer[], reason: string): void {
    for (const { key } of peers) this.#table.setReadyState(key, ReadyState.CLOSED)
    this.rooms.release(peers)
    for (const { key } of peers) this.#release(key, CloseCode.ABNORMAL_CLOSURE, reason)
  }

  #release(key: ConnectionKey, code: number, reason: string): void {
    this.#upgrades.guard.remove(key)
    const peer = this.peers.release(key)
    if (peer?.keepsContext) this.#contexts--
    if (peer !== undefined) {
      this.rooms.release([peer])
      this.#observer.onClose(peer, code, reason)
    }
    if (this.peers.claimed === 0) this.#shutdown?.onAllClosed()
  }

  async #chooseStrategy(): Promise<StrategyName> {
    const { handoff, shards } = this.options
    if (handoff !== undefined && !(await supports(handoff))) {
      throw new ShardwsError(
        'OPTION_INVALID',
        `options.handoff: this Node cannot do '${handoff}'; leave the option out`,
      )
    }
    this.#strategy = shards === 0 ? 'local' : (handoff ?? (await bestStrategy()))
    return this.#strategy
  }
}
