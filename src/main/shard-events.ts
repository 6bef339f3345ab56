import type { ConnectionKey } from '../shared/connection-key.ts'
import { ERRORS, type ErrorCode, ShardwsError } from '../shared/errors.ts'
import type { Returned } from '../shared/handoff/strategy.ts'
import { validateMessage } from '../shared/message-validation.ts'
import type { ComputeAnswer } from '../shared/messages.ts'
import { SendFlag } from '../shared/messages.ts'
import { CloseCode } from '../shared/protocol/close-codes.ts'
import type { RoomInterest } from '../shared/room-interest.ts'
import { decodeError, decodeValue, encodeError, encodeValue } from '../shared/values.ts'
import type { Admissions } from './admissions.ts'
import type { Compute } from './compute-pool.ts'
import type { EngineFacade, EngineObserver } from './engine-observer.ts'
import type { HandlerModules } from './handler-modules.ts'
import type { LimitLog } from './limit-log.ts'
import type { MainCounters } from './main-counters.ts'
import type { Mover } from './mover.ts'
import type { Newcomers } from './newcomers.ts'
import type { ResolvedOptions } from './options.ts'
import type { Peer } from './peer.ts'
import type { PeerLifecycle } from './peer-lifecycle.ts'
import type { PeerRegistry } from './peer-registry.ts'
import { recordRefusal } from './refusal.ts'
import type { Rooms } from './rooms.ts'
import type { RunningShard } from './running-shard.ts'
import type { SecurityLog } from './security-log.ts'
import type { Sessions } from './sessions.ts'
import type { ShardLifecycle } from './shard-lifecycle.ts'
import type { ShardObserver } from './shard-reports.ts'
import type { Supervisor } from './supervisor.ts'
import type { Upgrades } from './upgrades.ts'
import type { Users } from './users.ts'

/** What is told of an engine's shards concerns one of these. */
interface Host {
  readonly options: ResolvedOptions
  readonly counters: MainCounters
  readonly limitLog: LimitLog
  readonly securityLog: SecurityLog
  readonly peers: PeerRegistry
  readonly rooms: Rooms
  readonly users: Users
  readonly sessions: Sessions | null
  readonly interest: RoomInterest
  readonly modules: HandlerModules
  readonly supervisor: Supervisor
  readonly upgrades: Upgrades
  readonly newcomers: Newcomers
  readonly admissions: Admissions
  readonly mover: Mover
  readonly compute: Compute
  readonly observer: EngineObserver
  readonly facade: EngineFacade
  readonly peerLifecycle: Pick<PeerLifecycle, 'onClosed'>
  readonly shardLifecycle: Pick<ShardLifecycle, 'onFaltered'>
}

/** What the shards tell their engine, as far as it concerns the application or a handshake. */
export class ShardEvents implements ShardObserver<RunningShard> {
  readonly #host: Host

  constructor(host: Host) {
    this.#host = host
  }

  onAwake(): void {
    this.#host.supervisor.announce()
  }

  onReserved(shard: RunningShard, key: ConnectionKey, mustJudge: boolean): void {
    this.#host.upgrades.onReserved(shard, key, mustJudge)
  }

  onJudged(shard: RunningShard, key: ConnectionKey, verdict: Buffer): void {
    this.#host.upgrades.onJudged(shard, key, verdict)
  }

  onJoined(shard: RunningShard, key: ConnectionKey, room: string): void {
    const peer = this.#host.peers.get(key)
    if (peer !== undefined) this.#host.rooms.joinedThere(peer, room)
    this.#applied(shard)
  }

  onLeft(shard: RunningShard, key: ConnectionKey, room: string): void {
    const peer = this.#host.peers.get(key)
    if (peer !== undefined) this.#host.rooms.leftThere(peer, room)
    this.#applied(shard)
  }

  onIdentified(id: string, userId: string | null): void {
    this.#host.users.identify(id, userId)
  }

  onSentToUser(userId: string, payload: Buffer, flags: number): void {
    const isBinary = (flags & SendFlag.BINARY) !== 0
    this.#host.users.send(userId, payload, { isBinary, compress: (flags & SendFlag.PLAIN) === 0 })
  }

  onPosted(value: Buffer): void {
    this.#host.facade.onPost(decodeValue(value))
  }

  onThrew(key: ConnectionKey, error: Buffer): void {
    this.#host.observer.onError(this.#host.peers.get(key) ?? null, decodeError(error))
  }

  onListenerFailed(error: Buffer): void {
    this.#host.facade.onErrorListenerFailed(decodeError(error))
  }

  onLoaded(shard: RunningShard, module: number, error: Buffer): void {
    this.#host.modules.onLoaded(shard, module, error)
  }

  onReturned(key: ConnectionKey, returned: Returned): void {
    const home = this.#host.peers.get(key)?.home
    // It has closed: nobody is there to take it.
    if (home === undefined) returned.passTo(null, () => {})
    else (home as RunningShard).forward(key, returned)
  }

  onPrepared(move: number, keys: readonly ConnectionKey[]): void {
    this.#host.mover.onPrepared(move, keys)
  }

  onMovedOut(move: number, stayed: readonly ConnectionKey[]): void {
    this.#host.mover.onMovedOut(move, stayed)
  }

  onCompute({ link }: RunningShard, request: number, task: Buffer): void {
    this.#host.compute.run(decodeValue(task)).then(
      (value) => link.computed(request, answerOf(value)),
      (error: unknown) => link.computed(request, failureOf(error)),
    )
  }

  onFaltered(shard: RunningShard, cause: Buffer): void {
    this.#host.shardLifecycle.onFaltered(shard, decodeError(cause))
  }

  onKnocked(shard: RunningShard, visit: number, knock: Buffer): void {
    this.#host.newcomers.begin(shard, visit, knock)
  }

  onWithdrew(shard: RunningShard, visit: number): void {
    this.#host.newcomers.withdraw(shard, visit)
  }

  onAdmitted(shard: RunningShard, key: ConnectionKey, admitted: Buffer): void {
    this.#host.admissions.onAdmitted(shard, key, admitted)
  }

  onTurnedAway(code: string, why: string): void {
    recordRefusal(this.#host, code as ErrorCode, why)
  }

  onKept(key: ConnectionKey, state: Buffer): void {
    this.#host.sessions?.onKept(key, state)
  }

  onArrived(move: number): void {
    this.#host.mover.onArrived(move)
  }

  onReceived(key: ConnectionKey, payload: Buffer, isBinary: boolean): void {
    const peer = this.#host.peers.get(key)
    if (peer === undefined) return
    if (!this.#isValid(peer, payload, isBinary)) return
    const work = this.#host.observer.onMessage(peer, payload, isBinary)
    if (work !== undefined) peer.workOn(work, payload.length)
  }

  onDrained(key: ConnectionKey): void {
    const peer = this.#host.peers.get(key)
    if (peer?.drained()) this.#host.observer.onDrain(peer)
  }

  onDropped(key: ConnectionKey): void {
    const peer = this.#host.peers.get(key)
    if (peer === undefined) return
    peer.dropped()
    this.#host.limitLog.reached('maxBackpressure', { id: peer.id })
    this.#host.observer.onDropped(peer)
  }

  onPinged(key: ConnectionKey, payload: Buffer): void {
    const peer = this.#host.peers.get(key)
    if (peer !== undefined) this.#host.observer.onPing(peer, payload)
  }

  onPonged(key: ConnectionKey, payload: Buffer): void {
    const peer = this.#host.peers.get(key)
    if (peer !== undefined) this.#host.observer.onPong(peer, payload)
  }

  onLimited(key: ConnectionKey, option: string): void {
    const peer = this.#host.peers.get(key)
    if (peer !== undefined) this.#host.limitLog.reached(option, { id: peer.id })
  }

  onFailed(key: ConnectionKey, code: string, cause: string): void {
    const peer = this.#host.peers.get(key)
    if (peer === undefined) return
    const { option, closeCode } = ERRORS[code as ErrorCode]
    if (option !== undefined) this.#host.limitLog.reached(option, { id: peer.id, code })
    // An invalid message does not close by itself.
    const isClosed = closeCode === CloseCode.POLICY_VIOLATION && code !== 'MESSAGE_INVALID'
    if (isClosed) this.#host.securityLog.closed(peer, ERRORS[code as ErrorCode].message)
    this.#host.observer.onError(peer, new ShardwsError(code as ErrorCode, cause === '' ? undefined : cause))
  }

  onClosed(_shard: RunningShard, key: ConnectionKey, code: number, reason: string): void {
    this.#host.peerLifecycle.onClosed(key, code, reason)
  }

  /** The last words of a shard that has ended do not count for its replacement. */
  #applied(shard: RunningShard): void {
    if (shard.isRunning) this.#host.interest.applied(shard.index)
  }

  /** Whether the application gets to see a message. */
  #isValid(peer: Peer, payload: Buffer, isBinary: boolean): boolean {
    const { validate, onInvalid } = this.#host.options.guards
    if (validate === null) return true
    try {
      const error = validateMessage(validate, payload, isBinary)
      if (error === null) return true
      this.#host.counters.invalidMessages++
      this.#host.observer.onError(peer, error)
      if (onInvalid === 'close') peer.close(CloseCode.POLICY_VIOLATION, ERRORS.MESSAGE_INVALID.message)
    } catch (error) {
      this.#host.counters.handlerErrors++
      this.#host.observer.onError(peer, error as Error)
    }
    return false
  }
}

function answerOf(value: unknown): ComputeAnswer {
  try {
    return { hasFailed: false, code: '', result: encodeValue(value, 'what the task returns') }
  } catch (error) {
    return failureOf(error)
  }
}

function failureOf(error: unknown): ComputeAnswer {
  return { hasFailed: true, code: error instanceof ShardwsError ? error.code : '', result: encodeError(error) }
}
