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
import { encodeFanOut, postToEach, readFanOut } from './fan-out.ts'
import type { Handshake } from './handshake.ts'
import { LimitLog } from './limit-log.ts'
import { MainCounters } from './main-counters.ts'
import { MainLag } from './main-lag.ts'
import { assertCloseArguments } from './message-arguments.ts'
import { validateMessage } from './message-validation.ts'
import type { ResolvedOptions } from './options.ts'
import { type BroadcastOptions, Peer, type PeerContext } from './peer.ts'
import { PeerRegistry } from './peer-registry.ts'
import { Rooms, type RoomsObserver } from './rooms.ts'
import { Router } from './router.ts'
import type { RunningShard, ShardObserver, ShardSetup } from './running-shard.ts'
import { SecurityLog } from './security-log.ts'
import { type ShardEvent, Supervisor, type SupervisorObserver } from './supervisor.ts'
import type { UpgradeRequest } from './upgrade-request.ts'
import { Upgrades } from './upgrades.ts'

const LONGEST_MS = 2 ** 31 - 1

const SHARD_LOG_LEVELS = {
  started: 'info',
  stalled: 'warn',
  resumed: 'info',
  exited: 'error',
  degraded: 'error',
} as const

/** How long a shard may take to end after its connections are gone. */
const STOP_DEADLINE_MS = 2000

/** What a facade hears from its engine. */
export interface EngineObserver extends RoomsObserver {
  onConnection(peer: Peer, request: UpgradeRequest): void
  /** Returns a promise that never rejects if the application works on the message until then. */
  onMessage(peer: Peer, message: Buffer, isBinary: boolean): Promise<unknown> | undefined
  onClose(peer: Peer, code: number, reason: string): void
  onDrain(peer: Peer): void
  onDropped(peer: Peer): void
  onShardEvent(event: ShardEvent): void
}

export interface ShutdownOptions {
  /** Close code sent to every connection. Default 1001. */
  readonly code?: number
  /** Default 'server shutting down'. */
  readonly reason?: string
  /** Milliseconds after which what is still open is destroyed. Default 10000. */
  readonly deadlineMs?: number
}

export interface ShutdownReport {
  /** Connections that ended before the deadline. */
  readonly closed: number
  /** Connections that were destroyed at the deadline. */
  readonly terminated: number
  readonly elapsedMs: number
}

/** Main's owner of all shards: the one object a facade holds. */
export class Engine implements ShardObserver, SupervisorObserver {
  readonly options: ResolvedOptions
  readonly counters = new MainCounters()
  readonly mainLag = new MainLag()
  readonly limitLog: LimitLog
  readonly securityLog: SecurityLog
  readonly shardCounters: Counters
  readonly peers: PeerRegistry
  readonly rooms: Rooms
  readonly router = new Router()
  readonly supervisor: Supervisor
  readonly #table: ConnectionTable
  readonly #observer: EngineObserver
  readonly #upgrades: Upgrades
  readonly #peerContext: PeerContext
  #strategy: StrategyName | null = null
  #contexts = 0
  #shutdown: Promise<ShutdownReport> | null = null
  #onAllClosed: () => void = () => {}

  constructor(options: ResolvedOptions, observer: EngineObserver) {
    const shards = Math.max(1, options.shards)
    this.options = options
    this.#observer = observer
    this.#table = ConnectionTable.allocate(options.maxConnections)
    this.shardCounters = Counters.allocate(shards)
    this.peers = new PeerRegistry(this.#table, options.maxConnections)
    this.limitLog = new LimitLog(options.logger)
    this.securityLog = new SecurityLog(options.logger)
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
   * @throws ShardwsError ARGUMENT_INVALID
   */
  shutdown(options: ShutdownOptions = {}): Promise<ShutdownReport> {
    const { code = CloseCode.GOING_AWAY, reason = 'server shutting down', deadlineMs = 10_000 } = options
    assertCloseArguments(code, reason)
    if (!Number.isInteger(deadlineMs) || deadlineMs < 0 || deadlineMs > LONGEST_MS)
      throw new ShardwsError('ARGUMENT_INVALID', `deadlineMs must be an integer from 0 to ${LONGEST_MS}`)
    this.#shutdown ??= this.#shutDown(code, reason, deadlineMs)
    return this.#shutdown
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
    if (this.peers.claimed === 0) this.#onAllClosed()
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

  async #shutDown(code: number, reason: string, deadlineMs: number): Promise<ShutdownReport> {
    const startedMs = performance.now()
    const before = this.peers.size
    this.#upgrades.close()
    for (const peer of this.peers) peer.close(code, reason)
    await this.#allClosed(deadlineMs)
    const terminated = this.peers.size
    for (const peer of this.peers) peer.terminate()
    await this.supervisor.stop(STOP_DEADLINE_MS)
    // A shard that was blocked, or ended before its last words were read, has not told of them.
    this.#abandon([...this.peers], 'the server shut down')
    this.mainLag.stop()
    return { closed: before - terminated, terminated, elapsedMs: performance.now() - startedMs }
  }

  #allClosed(deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const deadline = setTimeout(resolve, deadlineMs)
      this.#onAllClosed = () => {
        clearTimeout(deadline)
        resolve()
      }
      if (this.peers.claimed === 0) this.#onAllClosed()
    })
  }
}
