import type { ConnectionKey } from '../shared/connection-key.ts'
import type { EventHandler } from '../shared/events.ts'
import type { Returned } from '../shared/handoff/strategy.ts'

/** What the engine hears from its shards. */
export interface ShardObserver<Shard> {
  /** A shard that was late has answered. */
  onAwake(): void
  onReserved(shard: Shard, key: ConnectionKey, mustJudge: boolean): void
  onJudged(shard: Shard, key: ConnectionKey, verdict: Buffer): void
  onJoined(shard: Shard, key: ConnectionKey, room: string): void
  onLeft(shard: Shard, key: ConnectionKey, room: string): void
  onIdentified(id: string, userId: string | null): void
  onSentToUser(userId: string, payload: Buffer, flags: number): void
  onPosted(value: Buffer): void
  onThrew(key: ConnectionKey, error: Buffer): void
  onListenerFailed(error: Buffer): void
  onLoaded(shard: Shard, module: number, error: Buffer): void
  /** A shard has given a socket back, for the one that the connection moves to. */
  onReturned(key: ConnectionKey, returned: Returned): void
  onPrepared(move: number, keys: readonly ConnectionKey[]): void
  onMovedOut(move: number, stayed: readonly ConnectionKey[]): void
  onArrived(move: number): void
  onFaltered(shard: Shard, cause: Buffer): void
  onKnocked(shard: Shard, visit: number, knock: Buffer): void
  onWithdrew(shard: Shard, visit: number): void
  onTurnedAway(code: string, why: string): void
  onAdmitted(shard: Shard, key: ConnectionKey, admitted: Buffer): void
  onKept(key: ConnectionKey, state: Buffer): void
  onCompute(shard: Shard, request: number, task: Buffer): void
  onReceived(key: ConnectionKey, payload: Buffer, isBinary: boolean): void
  onDrained(key: ConnectionKey): void
  onDropped(key: ConnectionKey): void
  onPinged(key: ConnectionKey, payload: Buffer): void
  onPonged(key: ConnectionKey, payload: Buffer): void
  onLimited(key: ConnectionKey, option: string): void
  onFailed(key: ConnectionKey, code: string, cause: string): void
  onClosed(shard: Shard, key: ConnectionKey, code: number, reason: string): void
}

/** What the reports need of the shard that makes them. */
export interface ReportingShard {
  readonly link: { conclude(key: ConnectionKey): void }
  ready(): void
  awake(): void
}

/** What one shard tells, for those who listen to all of them. */
export class ShardReports<Shard extends ReportingShard> implements EventHandler {
  readonly #shard: Shard
  readonly #observer: ShardObserver<Shard>

  constructor(shard: Shard, observer: ShardObserver<Shard>) {
    this.#shard = shard
    this.#observer = observer
  }

  ready(): void {
    this.#shard.ready()
  }

  reserved(key: ConnectionKey, mustJudge: boolean): void {
    this.#shard.awake()
    this.#observer.onReserved(this.#shard, key, mustJudge)
  }

  judged(key: ConnectionKey, verdict: Buffer): void {
    this.#observer.onJudged(this.#shard, key, verdict)
  }

  joined(key: ConnectionKey, room: string): void {
    this.#observer.onJoined(this.#shard, key, room)
  }

  left(key: ConnectionKey, room: string): void {
    this.#observer.onLeft(this.#shard, key, room)
  }

  identified(id: string, userId: string | null): void {
    this.#observer.onIdentified(id, userId)
  }

  sentToUser(userId: string, payload: Buffer, flags: number): void {
    this.#observer.onSentToUser(userId, payload, flags)
  }

  posted(value: Buffer): void {
    this.#observer.onPosted(value)
  }

  threw(key: ConnectionKey, error: Buffer): void {
    this.#observer.onThrew(key, error)
  }

  listenerFailed(error: Buffer): void {
    this.#observer.onListenerFailed(error)
  }

  prepared(move: number, keys: readonly ConnectionKey[]): void {
    this.#observer.onPrepared(move, keys)
  }

  movedOut(move: number, stayed: readonly ConnectionKey[]): void {
    this.#observer.onMovedOut(move, stayed)
  }

  compute(request: number, task: Buffer): void {
    this.#observer.onCompute(this.#shard, request, task)
  }

  knocked(visit: number, knock: Buffer): void {
    this.#observer.onKnocked(this.#shard, visit, knock)
  }

  withdrew(visit: number): void {
    this.#observer.onWithdrew(this.#shard, visit)
  }

  turnedAway(code: string, why: string): void {
    this.#observer.onTurnedAway(code, why)
  }

  admitted(key: ConnectionKey, admitted: Buffer): void {
    this.#observer.onAdmitted(this.#shard, key, admitted)
  }

  kept(key: ConnectionKey, state: Buffer): void {
    this.#observer.onKept(key, state)
  }

  faltered(cause: Buffer): void {
    this.#observer.onFaltered(this.#shard, cause)
  }

  arrived(move: number): void {
    this.#observer.onArrived(move)
  }

  loaded(module: number, error: Buffer): void {
    this.#observer.onLoaded(this.#shard, module, error)
  }

  received(key: ConnectionKey, payload: Buffer, isBinary: boolean): void {
    this.#shard.awake()
    this.#observer.onReceived(key, payload, isBinary)
  }

  drained(key: ConnectionKey): void {
    this.#observer.onDrained(key)
  }

  dropped(key: ConnectionKey): void {
    this.#observer.onDropped(key)
  }

  pinged(key: ConnectionKey, payload: Buffer): void {
    this.#observer.onPinged(key, payload)
  }

  ponged(key: ConnectionKey, payload: Buffer): void {
    this.#observer.onPonged(key, payload)
  }

  limited(key: ConnectionKey, option: string): void {
    this.#observer.onLimited(key, option)
  }

  failed(key: ConnectionKey, code: string, cause: string): void {
    this.#observer.onFailed(key, code, cause)
  }

  /** What the application answered to the last messages was posted while they were dispatched. */
  finished(key: ConnectionKey): void {
    this.#shard.link.conclude(key)
  }

  closed(key: ConnectionKey, code: number, reason: string): void {
    this.#observer.onClosed(this.#shard, key, code, reason)
  }

  /** Main's sends are refused past the window and `notifyDrain` tells when to go on: nobody waits for credit here. */
  credit(): void {}
}
