import type { BatchReader } from '../src/shared/batch.ts'
import { type CommandHandler, type ConnectionCommand, dispatchCommands } from '../src/shared/commands.ts'
import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { type Excluded, type Moving, type ReceivedFanOut, SendFlag } from '../src/shared/messages.ts'
import { decodeValue } from '../src/shared/values.ts'
import type { Admission } from './admission.ts'
import type { Application } from './application.ts'
import type { ComputeRequests } from './compute-requests.ts'
import type { Connection } from './connection.ts'
import type { ConnectionContext } from './connection-context.ts'
import type { Front } from './front.ts'
import type { Handlers } from './handlers.ts'
import { MAIN } from './main-link.ts'
import type { Moves } from './moves.ts'
import type { Rooms } from './rooms.ts'
import { SharedMessage } from './shared-message.ts'

/** What the commands are about. */
export interface CommandedShard {
  readonly index: number
  readonly connections: ReadonlyMap<ConnectionKey, Connection>
  readonly rooms: Rooms
  readonly state: Map<string, unknown>
  readonly application: Application
  readonly handlers: Handlers
  readonly moves: Moves
  readonly computes: ComputeRequests
  /** Null: no connection comes unread. */
  readonly front: Front | null
  readonly admission: Admission
  readonly context: ConnectionContext
  reserve(key: ConnectionKey, module: number): void
  discard(bytes: number): void
  credit(): void
  stop(): void
}

/**
 * What main and the other shards tell this one. What is for a connection that is on its way here from another shard waits
 * until it has arrived.
 */
export class ShardCommands implements CommandHandler {
  readonly #shard: CommandedShard
  /** Who has sent the batch at hand. */
  #publisher = MAIN

  constructor(shard: CommandedShard) {
    this.#shard = shard
  }

  receive(publisher: number, batch: BatchReader): void {
    this.#publisher = publisher
    dispatchCommands(batch, this)
  }

  /** What a handler of this shard does to a connection of this shard, possibly while a batch is dispatched. */
  here<Name extends ConnectionCommand>(name: Name, ...args: Parameters<CommandHandler[Name]>): void {
    const publisher = this.#publisher
    this.#publisher = this.#shard.index
    try {
      Reflect.apply(this[name], this, args)
    } finally {
      this.#publisher = publisher
    }
  }

  // ── the shard itself ──

  reserve(key: ConnectionKey, module: number): void {
    this.#shard.reserve(key, module)
  }

  judge(key: ConnectionKey, module: number, request: Buffer): void {
    const { handlers, context } = this.#shard
    void handlers.judge(module, request).then((verdict) => context.link.judged(key, verdict))
  }

  load(module: number, url: string): void {
    const { handlers, context } = this.#shard
    void handlers.load(module, url).then((error) => context.link.loaded(module, error))
  }

  setState(key: string, value: Buffer): void {
    this.#shard.state.set(key, decodeValue(value))
  }

  deleteState(key: string): void {
    this.#shard.state.delete(key)
  }

  computed(request: number, hasFailed: boolean, code: string, result: Buffer): void {
    this.#shard.computes.onComputed(request, hasFailed, code, result)
  }

  answer(visit: number, answer: Buffer): void {
    this.#shard.front?.answer(visit, answer)
  }

  lend(keys: readonly ConnectionKey[]): void {
    this.#shard.admission.lend(keys)
  }

  dismiss(visit: number): void {
    this.#shard.front?.dismiss(visit)
  }

  allowContexts(isAllowed: boolean): void {
    this.#shard.context.compression?.allowContexts(isAllowed)
  }

  discard(bytes: number): void {
    this.#shard.discard(bytes)
  }

  credit(): void {
    this.#shard.credit()
  }

  stop(): void {
    this.#shard.stop()
  }

  // ── many connections ──

  broadcast(fanOut: ReceivedFanOut): void {
    this.broadcastFrom(this.#publisher, fanOut)
  }

  publish(rooms: readonly string[], fanOut: ReceivedFanOut): void {
    this.publishFrom(this.#publisher, rooms, fanOut)
  }

  /** `publisher` may also be this shard. */
  broadcastFrom(publisher: number, fanOut: ReceivedFanOut): void {
    const { connections, moves, rooms } = this.#shard
    const message = this.#sharedMessage(fanOut)
    const isExcluded = rooms.exclusion(this.#excluded(publisher, fanOut))
    for (const connection of connections.values()) if (!isExcluded(connection)) connection.sendShared(message)
    moves.deferAll(publisher, (connection) => {
      if (!rooms.exclusion(fanOut.excluded)(connection)) connection.sendShared(message)
    })
  }

  publishFrom(publisher: number, names: readonly string[], fanOut: ReceivedFanOut): void {
    const { moves, rooms } = this.#shard
    const message = this.#sharedMessage(fanOut)
    rooms.publish(names, message, this.#excluded(publisher, fanOut))
    moves.deferAll(publisher, (connection) => {
      const isMember = names.some((name) => rooms.has(connection, name))
      if (isMember && !rooms.exclusion(fanOut.excluded)(connection)) connection.sendShared(message)
    })
  }

  // ── one connection ──

  admit(key: ConnectionKey, user: Buffer): void {
    this.#shard.application.admit(key, user)
  }

  restore(key: ConnectionKey, state: Buffer): void {
    this.#shard.application.restore(key, state)
  }

  send(key: ConnectionKey, payload: Buffer, flags: number): void {
    const isMains = (flags & SendFlag.FROM_SHARD) === 0
    this.#on(key, ({ outbound }) => (isMains ? outbound.send(payload, flags) : outbound.relay(payload, flags)))
  }

  sendFrame(key: ConnectionKey, frame: Buffer, payloadBytes: number, flags: number): void {
    const isMains = (flags & SendFlag.FROM_SHARD) === 0
    this.#on(key, ({ outbound }) => {
      if (isMains) outbound.sendFrame(frame, payloadBytes, flags)
      else outbound.relayFrame(frame, payloadBytes, flags)
    })
  }

  /** By a handler of this shard. False as for `Socket.send`. */
  offer(key: ConnectionKey, message: string | Uint8Array, flags: number): boolean {
    const { connections, index, moves } = this.#shard
    const connection = connections.get(key)
    if (connection !== undefined) return connection.outbound.offer(message, flags)
    return moves.defer(index, key, ({ outbound }) => outbound.offer(message, flags))
  }

  join(key: ConnectionKey, room: string): void {
    const { application, rooms } = this.#shard
    // Main has checked the limits; a handler that is still at work in the connection's former shard could not.
    const isMains = this.#publisher === MAIN
    this.#on(key, (connection) => {
      if (!isMains) application.joinIfRoom(key, room)
      else if (!application.join(key, room)) rooms.join(connection, room)
    })
    rooms.joinArrived(room)
  }

  leave(key: ConnectionKey, room: string): void {
    const { application, rooms } = this.#shard
    this.#on(key, (connection) => {
      if (!application.leave(key, room)) rooms.leave(connection, room)
    })
  }

  watch(key: ConnectionKey): void {
    this.#on(key, (connection) => connection.pings.watch())
  }

  close(key: ConnectionKey, code: number, reason: string): void {
    this.#on(key, (connection) => {
      this.#shard.application.refuse(key)
      connection.close(code, reason)
    })
  }

  terminate(key: ConnectionKey): void {
    this.#on(key, (connection) => {
      this.#shard.application.refuse(key)
      connection.terminate()
    })
  }

  ping(key: ConnectionKey, payload: Buffer): void {
    this.#on(key, (connection) => connection.ping(payload))
  }

  pong(key: ConnectionKey, payload: Buffer): void {
    this.#on(key, ({ outbound }) => outbound.pong(payload))
  }

  markAlive(key: ConnectionKey): void {
    this.#on(key, (connection) => connection.markAlive())
  }

  notifyDrain(key: ConnectionKey): void {
    this.#on(key, ({ outbound }) => outbound.notifyDrain())
  }

  pause(key: ConnectionKey): void {
    this.#on(key, (connection) => connection.pause())
  }

  resume(key: ConnectionKey): void {
    this.#on(key, (connection) => connection.resume())
  }

  conclude(key: ConnectionKey): void {
    this.#on(key, (connection) => connection.conclude())
  }

  // ── moves ──

  prepare(move: number, to: number, isPatient: boolean, keys: readonly ConnectionKey[]): void {
    this.#shard.moves.prepare(move, to, isPatient, keys)
  }

  moving(moving: Moving): void {
    this.#shard.moves.moving(this.#publisher, moving)
  }

  departed(move: number): void {
    this.#shard.moves.departed(move)
  }

  start(move: number): void {
    this.#shard.moves.start(move)
  }

  moved(move: number): void {
    this.#shard.moves.moved(move)
  }

  cancel(move: number): void {
    this.#shard.moves.cancel(move)
  }

  #on(key: ConnectionKey, action: (connection: Connection) => void): void {
    const connection = this.#shard.connections.get(key)
    if (connection !== undefined) action(connection)
    else this.#shard.moves.defer(this.#publisher, key, action)
  }

  /** Those who are about to leave too: from its cut on, what a publisher sends is for them where they go. */
  #excluded(publisher: number, { excluded }: ReceivedFanOut): Excluded {
    const departing = this.#shard.moves.departing(publisher)
    return departing.length === 0 ? excluded : { ...excluded, keys: [...excluded.keys, ...departing] }
  }

  #sharedMessage({ frame, payloadBytes, flags }: ReceivedFanOut): SharedMessage {
    const { compression, options } = this.#shard.context
    return new SharedMessage(frame, payloadBytes, flags, options.compressThreshold, compression)
  }
}
