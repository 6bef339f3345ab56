import type { IncomingMessage } from 'node:http'
import { performance } from 'node:perf_hooks'
import type { Duplex } from 'node:stream'
import { type ConnectionKey, MAX_SLOTS } from '../shared/connection-key.ts'
import { ConnectionTable, ReadyState } from '../shared/connection-table.ts'
import { Counter, Counters } from '../shared/counters.ts'
import { type ErrorCode, ShardwsError } from '../shared/errors.ts'
import { encodeFanOut } from '../shared/fan-out.ts'
import type { Handler, HandlerFunction } from '../shared/handler.ts'
import { bestStrategy, supports } from '../shared/handoff/probe.ts'
import { LoopLag } from '../shared/loop-lag.ts'
import { assertMessage } from '../shared/message-arguments.ts'
import { CloseCode } from '../shared/protocol/close-codes.ts'
import { RoomInterest } from '../shared/room-interest.ts'
import { Router } from '../shared/router.ts'
import type { BroadcastOptions, SendOptions } from '../shared/send-options.ts'
import type { StrategyName } from '../shared/ticket.ts'
import { Admissions, LENT_KEYS } from './admissions.ts'
import { AutoRebalance } from './auto-rebalance.ts'
import { ComputePool } from './compute-pool.ts'
import { affordableConnections } from './descriptor-limit.ts'
import { diagnostics } from './diagnostics.ts'
import type { EngineFacade, EngineObserver } from './engine-observer.ts'
import { assertModulesPossible, HandlerModules } from './handler-modules.ts'
import { LimitLog } from './limit-log.ts'
import { MainCounters } from './main-counters.ts'
import { MainHandlerServer } from './main-handler-server.ts'
import { MemoryRelief } from './memory-relief.ts'
import { Mesh } from './mesh.ts'
import { Mover } from './mover.ts'
import { Newcomers } from './newcomers.ts'
import type { ResolvedOptions } from './options.ts'
import { type OpenedConnection, Peer, type PeerContext } from './peer.ts'
import { PeerRegistry } from './peer-registry.ts'
import { postToEach } from './post-to-each.ts'
import { ProcessMemory } from './process-memory.ts'
import { Publications } from './publications.ts'
import { RoomNotices } from './room-notices.ts'
import { Rooms } from './rooms.ts'
import type { RunningShard, ShardSetup } from './running-shard.ts'
import { type Applicant, SecurityLog } from './security-log.ts'
import { ServerState } from './server-state.ts'
import type { ShardEnd } from './shard-endings.ts'
import { recordShardEvent } from './shard-event-log.ts'
import { ShardEvents } from './shard-events.ts'
import { Shutdown, type ShutdownHost, type ShutdownReport } from './shutdown.ts'
import { planShutdown, type ShutdownOptions, type ShutdownPlan } from './shutdown-options.ts'
import { type ShardEvent, Supervisor, type SupervisorObserver } from './supervisor.ts'
import { mostShards, Topology } from './topology.ts'
import { TrafficRates } from './traffic-rates.ts'
import { Upgrades } from './upgrades.ts'
import { Users } from './users.ts'

/** Why a connection has ended whose shard is gone. */
const LOSSES: Readonly<Record<ShardEnd, string>> = {
  died: 'the shard ended',
  replaced: 'the shard was replaced',
  stopped: 'the server shut down',
}

/** Main's owner of all shards: the one object a facade holds. */
export class Engine implements SupervisorObserver, ShutdownHost {
  readonly options: ResolvedOptions
  readonly counters = new MainCounters()
  readonly mainLag = new LoopLag()
  readonly memory: ProcessMemory
  /** Connections at a time: `maxConnections`, or as many as there are descriptors for. */
  readonly capacity: number
  readonly rates = new TrafficRates(performance.now())
  readonly limitLog: LimitLog
  readonly securityLog: SecurityLog
  readonly shardCounters: Counters
  readonly peers: PeerRegistry
  readonly rooms: Rooms
  readonly publications: Publications
  readonly users: Users
  readonly router = new Router()
  /** What handlers in the shards see of the application on main. */
  readonly state = new ServerState(() => this.supervisor.shards.map(({ link }) => link))
  readonly supervisor: Supervisor
  readonly compute: ComputePool
  readonly modules: HandlerModules
  readonly #table: ConnectionTable
  readonly interest: RoomInterest
  readonly mesh = new Mesh()
  readonly mover: Mover
  readonly topology: Topology
  readonly #autoRebalance: AutoRebalance | null
  readonly observer: EngineObserver
  readonly facade: EngineFacade
  readonly upgrades: Upgrades
  readonly newcomers: Newcomers
  readonly admissions: Admissions
  readonly #peerContext: PeerContext
  #strategy: StrategyName | null = null
  #contexts = 0
  #shutdown: Shutdown | null = null

  constructor(options: ResolvedOptions, observer: EngineObserver, facade: EngineFacade) {
    const shards = Math.max(1, options.shards)
    this.options = options
    this.observer = observer
    this.facade = facade
    this.memory = new ProcessMemory(options.maxMemoryBytes)
    this.capacity = this.#affordable(options.maxConnections)
    const rows = mostShards(options) + 1
    const lent = options.accept === 'attach' ? 0 : rows * LENT_KEYS
    const slots = Math.min(MAX_SLOTS, this.capacity + lent)
    this.#table = ConnectionTable.allocate(slots)
    this.shardCounters = Counters.allocate(rows)
    this.peers = new PeerRegistry(this.#table, this.capacity, slots)
    this.limitLog = new LimitLog(options.logger)
    this.securityLog = new SecurityLog(options.logger)
    this.compute = new ComputePool(options.compute, options.logger, this.limitLog)
    const { counters, limitLog, securityLog, peers } = this
    this.users = new Users({ options: options.users, counters, limitLog, find: (id) => peers.find(id) })
    this.interest = RoomInterest.allocate(rows, options.maxRooms)
    this.modules = new HandlerModules(
      () => this.supervisor.shards,
      () => this.mesh.enable(),
    )
    this.rooms = new Rooms({
      options,
      counters,
      limitLog,
      observer: new RoomNotices(options.rooms, counters, observer, () => this.rooms),
      interest: this.interest,
      hasHandlersThere: () => !this.modules.isEmpty,
      isDestination: (index) => this.mover.isDestination(index),
      find: (id) => peers.find(id),
      shards: () => this.supervisor.shards,
    })
    this.publications = new Publications({
      options,
      rooms: this.rooms,
      counters,
      limitLog,
      onError: (error) => observer.onError(null, error),
    })
    this.#peerContext = {
      server: new MainHandlerServer(this, facade),
      table: this.#table,
      hasMiddleware: () => this.hasMiddleware,
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
      observer: new ShardEvents(this),
      interest: this.interest,
      modules: this.modules,
      rows,
    }
    this.supervisor = new Supervisor(setup, shards, this)
    this.upgrades = new Upgrades(this)
    this.newcomers = new Newcomers(options.tls, this.accept.bind(this))
    this.admissions = new Admissions(this)
    const { mesh, peers: all, rooms, modules, supervisor, upgrades } = this
    this.mover = new Mover({ mesh, peers: all, rooms, table: this.#table, shards: () => supervisor.shards })
    const chooseSeat = upgrades.chooseSeat.bind(upgrades)
    this.topology = new Topology({
      ...{ options, peers: all, supervisor, modules, mover: this.mover, chooseSeat },
      isShutDown: () => this.isShutDown,
    })
    this.#autoRebalance = options.autoRebalance && new AutoRebalance(options.autoRebalance, this)
    if (options.handler !== undefined) this.route('*', options.handler)
    this.memory.observe(new MemoryRelief({ logger: options.logger, shards: () => supervisor.shards }))
    this.memory.start()
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

  get hasMiddleware(): boolean {
    return this.observer.hasMiddleware
  }

  /** Fulfilled when every shard adopts connections and has every handler module. */
  async ready(): Promise<void> {
    await this.supervisor.ready()
    await this.modules.ready()
  }

  /** @throws ShardwsError ARGUMENT_INVALID, OPTION_INVALID */
  route(paths: string | readonly string[], handler: Handler | HandlerFunction | URL): void {
    if (handler instanceof URL) assertModulesPossible(this.options)
    this.router.add(paths, handler instanceof URL ? this.modules.add(handler) : handler)
    this.admissions.onRulesChanged()
  }

  /** To be called in the `upgrade` event's own tick. Never throws for what the client did. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.upgrades.accept(request, socket, head)
  }

  /** Refuses an upgrade request that is not for this server. */
  reject(socket: Duplex, code: ErrorCode): void {
    this.upgrades.reject(socket, new ShardwsError(code))
  }

  /** To one connection. False: unknown id, not open, or over its high-water mark. @throws ShardwsError ARGUMENT_INVALID */
  send(id: string, message: string | Uint8Array, options?: boolean | SendOptions): boolean {
    const peer = this.peers.find(id)
    if (peer !== undefined) return peer.send(message, options)
    assertMessage(message)
    return false
  }

  /** Sends to every open connection. Returns false if a shard was too far behind to take it. */
  broadcast(message: string | Uint8Array, options: boolean | BroadcastOptions = {}): boolean {
    const fanOut = encodeFanOut(message, options, (id) => this.peers.find(id)?.key)
    // One that is adopting may have let somebody in of whom main has not heard. What one that stands still is sent waits for it.
    const shards = this.supervisor.shards.filter(({ isAdopting, assigned }) => isAdopting || assigned > 0)
    return postToEach(shards, this.counters, (link) => link.broadcast(fanOut))
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
    this.upgrades.close(retryAfterSeconds)
    this.admissions.onRulesChanged()
  }

  onDraining(plan: ShutdownPlan): void {
    this.publications.stop()
    this.#autoRebalance?.stop()
    this.facade.onDraining(plan)
  }

  onHandlerError(error: Error): void {
    this.counters.handlerErrors++
    this.observer.onError(null, error)
  }

  onShutDown(): void {
    this.mainLag.stop()
    this.memory.stop()
  }

  // ── from the opening handshakes ──

  /** The client has its 101. Before its shard can know of it: from then on the shard writes these fields. */
  onGiving(key: ConnectionKey, shard: RunningShard): void {
    this.#table.setShard(key, shard.index)
    this.#table.setReadyState(key, ReadyState.OPEN)
    const now = performance.timeOrigin + performance.now()
    this.#table.setConnectedAt(key, now)
    this.#table.setLastActivity(key, now)
  }

  /**
   * The client has its 101 and the socket is on its way. From here on the connection is open for main: what is
   * posted now is behind the socket on the same port, so a client that knows it is open misses nothing.
   */
  onOpened(connection: OpenedConnection & { readonly applicant: Applicant }, shard: RunningShard): void {
    const peer = new Peer(connection, shard, this.#peerContext)
    if (peer.keepsContext) this.#contexts++
    this.peers.open(peer)
    this.counters.opened++
    const opened = { outcome: 'opened', status: 101, code: null, id: peer.id, shard: shard.index } as const
    diagnostics.handshakeEnd(connection.applicant, opened)
    this.observer.onConnection(peer)
  }

  // ── from the shards ──

  onClosed(key: ConnectionKey, code: number, reason: string): void {
    const peer = this.peers.get(key)
    // Of one that was lost on its way to another shard both may tell.
    if (peer === undefined) return
    peer.home.assigned--
    this.#release(key, code, reason)
  }

  /** Its connections move to a fresh one. */
  onFaltered(shard: RunningShard, cause: Error): void {
    this.observer.onError(null, cause)
    void this.topology.evacuate(shard).then((isDone) => {
      if (isDone) this.onShardEvent({ kind: 'evacuated', shard: shard.index, cause })
    })
  }

  // ── from the supervisor ──

  onSeatsChanged(): void {
    this.newcomers.entrance?.onSeatsChanged()
  }

  onShardCreated(shard: RunningShard): void {
    this.state.postAll(shard.link)
    this.mesh.add(shard)
    this.mover.onShardCreated(shard)
    this.modules.onShardCreated(shard, shard.moduleCount)
    if (this.memory.isTaken('contexts')) shard.link.allowContexts(false)
  }

  /** Nothing comes from this shard any more: one that was blocked, or ended before its last words were read, has not told all. */
  onShardGone(shard: RunningShard, how: ShardEnd): void {
    if (how === 'died') {
      this.counters.shardDeaths++
      this.shardCounters.row(shard.index).add(Counter.DEATHS, 1)
    }
    this.mesh.remove(shard)
    this.interest.clear(shard.index)
    this.modules.onShardEnded(shard)
    this.upgrades.onShardEnded(shard)
    this.newcomers.onShardEnded(shard)
    this.admissions.onShardEnded(shard)
    this.mover.onShardEnded(shard)
    const lost = [...this.peers].filter((peer) => peer.isOn(shard))
    for (const { key } of lost) this.#table.setReadyState(key, ReadyState.CLOSED)
    this.rooms.release(lost)
    for (const { key } of lost) this.#release(key, CloseCode.ABNORMAL_CLOSURE, LOSSES[how])
  }

  onShardEvent(event: ShardEvent): void {
    recordShardEvent(event, this.counters, this.options.logger)
    this.onSeatsChanged()
    this.facade.onShardEvent(event)
  }

  onError(error: Error): void {
    this.observer.onError(null, error)
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

  #release(key: ConnectionKey, code: number, reason: string): void {
    this.upgrades.guard.remove(key)
    const peer = this.peers.release(key)
    if (peer?.keepsContext) this.#contexts--
    if (peer !== undefined) {
      this.rooms.release([peer])
      this.users.release(peer)
      this.observer.onClose(peer, code, reason)
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
