import type { IncomingMessage } from 'node:http'
import { performance } from 'node:perf_hooks'
import type { Duplex } from 'node:stream'
import type { Counters } from '../shared/counters.ts'
import { type ErrorCode, ShardwsError } from '../shared/errors.ts'
import { encodeFanOut } from '../shared/fan-out.ts'
import type { Handler, HandlerFunction } from '../shared/handler.ts'
import { bestStrategy, supports } from '../shared/handoff/probe.ts'
import { LoopLag } from '../shared/loop-lag.ts'
import { assertMessage } from '../shared/message-arguments.ts'
import type { RoomInterest } from '../shared/room-interest.ts'
import { Router } from '../shared/router.ts'
import type { BroadcastOptions, SendOptions } from '../shared/send-options.ts'
import type { StrategyName } from '../shared/ticket.ts'
import { Admissions } from './admissions.ts'
import { AutoRebalance } from './auto-rebalance.ts'
import { ComputePool } from './compute-pool.ts'
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
import { PeerLifecycle } from './peer-lifecycle.ts'
import { PeerRegistry } from './peer-registry.ts'
import { postToEach } from './post-to-each.ts'
import { ProcessMemory } from './process-memory.ts'
import { Publications } from './publications.ts'
import { RoomNotices } from './room-notices.ts'
import { Rooms } from './rooms.ts'
import { SecurityLog } from './security-log.ts'
import { ServerState } from './server-state.ts'
import { Sessions } from './sessions.ts'
import { ShardEvents } from './shard-events.ts'
import { ShardLifecycle } from './shard-lifecycle.ts'
import { allocateSharedMemory } from './shared-memory.ts'
import { Shutdown, type ShutdownHost, type ShutdownReport } from './shutdown.ts'
import { planShutdown, type ShutdownOptions, type ShutdownPlan } from './shutdown-options.ts'
import { Supervisor } from './supervisor.ts'
import { Topology } from './topology.ts'
import { TrafficRates } from './traffic-rates.ts'
import { Upgrades } from './upgrades.ts'
import { Users } from './users.ts'

/** Main's owner of all shards: the one object a facade holds. */
export class Engine implements ShutdownHost {
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
  readonly peerLifecycle: PeerLifecycle
  readonly rooms: Rooms
  readonly publications: Publications
  readonly users: Users
  readonly sessions: Sessions | null
  readonly router = new Router()
  /** What handlers in the shards see of the application on main. */
  readonly state = new ServerState(() => this.supervisor.shards.map(({ link }) => link))
  readonly shardLifecycle = new ShardLifecycle(this)
  readonly supervisor: Supervisor
  readonly compute: ComputePool
  readonly modules: HandlerModules
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
  #strategy: StrategyName | null = null
  #shutdown: Shutdown | null = null

  constructor(options: ResolvedOptions, observer: EngineObserver, facade: EngineFacade) {
    this.options = options
    this.observer = observer
    this.facade = facade
    this.memory = new ProcessMemory(options.maxMemoryBytes)
    this.limitLog = new LimitLog(options.logger)
    this.securityLog = new SecurityLog(options.logger)
    this.compute = new ComputePool(options.compute, options.logger, this.limitLog)
    const { capacity, rows, slots, table, counters: shardCounters, interest } = allocateSharedMemory(options)
    this.capacity = capacity
    this.shardCounters = shardCounters
    this.interest = interest

    const { counters, limitLog, mesh } = this
    const peers = new PeerRegistry(table, capacity, slots)
    const find = peers.find.bind(peers)
    this.peers = peers
    this.users = new Users({ options: options.users, counters, limitLog, find })
    this.sessions = options.sessions && new Sessions(options.sessions, this, table)
    this.modules = new HandlerModules(
      () => this.supervisor.shards,
      () => mesh.enable(),
    )
    this.rooms = new Rooms({
      ...{ options, counters, limitLog, interest, find },
      observer: new RoomNotices(options.rooms, counters, observer, () => this.rooms),
      hasHandlersThere: () => !this.modules.isEmpty,
      isDestination: (index) => this.mover.isDestination(index),
      shards: () => this.supervisor.shards,
    })
    const { modules, rooms } = this
    this.publications = new Publications({ options, rooms, counters, limitLog, onError: this.onError.bind(this) })
    this.peerLifecycle = new PeerLifecycle(this, table, new MainHandlerServer(this, facade))

    const setup = {
      ...{ options, table, counters: shardCounters, interest, modules, rows },
      strategy: this.#chooseStrategy(),
      observer: new ShardEvents(this),
    }
    const supervisor = new Supervisor(setup, Math.max(1, options.shards), this.shardLifecycle)
    this.supervisor = supervisor
    this.upgrades = new Upgrades(this)
    this.newcomers = new Newcomers(options.tls, this.accept.bind(this))
    this.admissions = new Admissions(this)
    this.mover = new Mover({ mesh, peers, rooms, table, shards: () => supervisor.shards })
    this.topology = new Topology({
      ...{ options, peers, supervisor, modules, mover: this.mover },
      chooseSeat: this.upgrades.chooseSeat.bind(this.upgrades),
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
    if (handler instanceof URL) {
      assertModulesPossible(this.options)
      // What is wrong with the paths is said before every shard loads the module.
      this.router.assertNew(paths)
    }
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
    this.onError(error)
  }

  onShutDown(): void {
    this.mainLag.stop()
    this.memory.stop()
  }

  // ── from its parts ──

  /** No connection is left, nor a handshake under way. */
  onAllClosed(): void {
    this.#shutdown?.onAllClosed()
  }

  /** What concerns no connection has failed. */
  onError(error: Error): void {
    this.observer.onError(null, error)
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
