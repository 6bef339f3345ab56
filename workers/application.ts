import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { ReadyState } from '../src/shared/connection-table.ts'
import { Counter } from '../src/shared/counters.ts'
import { Dispatcher } from '../src/shared/dispatcher.ts'
import { ShardwsError } from '../src/shared/errors.ts'
import type { Handler } from '../src/shared/handler.ts'
import type { Handled } from '../src/shared/messages.ts'
import { CloseCode } from '../src/shared/protocol/close-codes.ts'
import type { RoomInterest } from '../src/shared/room-interest.ts'
import type { ServerListeners } from '../src/shared/server-listeners.ts'
import type { Socket } from '../src/shared/socket.ts'
import { LocalRecovery, packData, type SessionState, SocketSession } from '../src/shared/socket-session.ts'
import { UpgradeRequest } from '../src/shared/upgrade-request.ts'
import { decodeValue, encodeError, encodeValue } from '../src/shared/values.ts'
import { Blame } from './blame.ts'
import type { Connection } from './connection.ts'
import type { ConnectionContext } from './connection-context.ts'
import type { Handlers } from './handlers.ts'
import { Memberships } from './memberships.ts'
import { MovedConnection } from './moved-connection.ts'
import { RoomReports } from './room-reports.ts'
import type { Rooms } from './rooms.ts'
import { type ServedShard, ShardServer } from './shard-server.ts'
import { ShardSocket, type SocketContext } from './shard-socket.ts'
import { type SocketSnapshot, snapshotOf } from './socket-snapshot.ts'

/** Nobody: an error that no connection is concerned in. */
const NO_KEY = -1

const NO_MODULE = -1

const NOTHING = new Uint8Array(0)

export interface ApplicationSetup {
  readonly handlers: Handlers
  readonly shard: ServedShard
  readonly index: number
  readonly rooms: Rooms
  readonly interest: RoomInterest
}

/** The handlers of a shard and the connections that they handle. */
export class Application {
  readonly reports: RoomReports
  readonly #context: ConnectionContext
  readonly #handlers: Handlers
  readonly #sockets = new Map<ConnectionKey, ShardSocket>()
  /** The module of each of them. */
  readonly #modules = new WeakMap<ShardSocket, number>()
  readonly #dispatcher: Dispatcher
  readonly #memberships: Memberships
  readonly #blame = new Blame()
  readonly #server: ShardServer
  readonly #socketContext: SocketContext

  constructor(context: ConnectionContext, { handlers, shard, index, rooms, interest }: ApplicationSetup) {
    const { counters, link, options } = context
    this.#context = context
    this.#handlers = handlers
    this.#dispatcher = new Dispatcher(this.#listeners(), options)
    this.reports = new RoomReports(link, interest, index)
    this.#server = new ShardServer(context, shard, interest)
    this.#memberships = new Memberships({
      options,
      counters,
      rooms,
      interest,
      reports: this.reports,
      onJoined: (socket, room) => this.#dispatcher.onJoined(socket, room),
      onLeft: (socket, room) => this.#dispatcher.onLeft(socket, room),
      // Peers can cause it at will: while main is behind it is only counted.
      onLimited: ({ key }, option) => {
        if (link.hasCredit()) link.limited(key, option)
      },
      onFailed: (socket, error) => this.#dispatcher.onError(socket, error),
      elsewhere: this.#server.routes,
    })
    this.#socketContext = {
      shard: context,
      dispatcher: this.#dispatcher,
      blame: this.#blame,
      memberships: this.#memberships,
      server: this.#server,
      keep: (socket) => this.#keep(socket),
      onClosed: (socket) => this.#forget(socket),
    }
  }

  /** A new connection, which has not opened yet. */
  adopt(connection: Connection, { module, request, user, isHeld }: Handled): void {
    const handler = this.#handlers.get(module)
    if (handler === undefined) throw new ShardwsError('UNKNOWN_MESSAGE', `adopt names an unknown module ${module}`)
    // Crossing threads has given it a prototype.
    const params = Object.assign(Object.create(null), request.params)
    const known = new UpgradeRequest({ ...request, params, user: decodeValue(user) })
    const socket = new ShardSocket(connection, known, handler, this.#socketContext)
    connection.listen(socket)
    this.#sockets.set(connection.key, socket)
    this.#modules.set(socket, module)
    if (this.#context.table.hasSession(connection.key)) socket.session = new SocketSession()
    if (isHeld) this.#dispatcher.hold(socket)
    else this.#blame.run(socket, () => this.#dispatcher.onConnection(socket))
  }

  /** What `admit` is to give back to it: a `SessionState` as of `encodeValue`. */
  restore(key: ConnectionKey, state: Buffer): void {
    this.#sockets.get(key)?.session?.expect(new LocalRecovery(decodeValue(state) as SessionState))
  }

  /** Main's middleware has let it in. */
  admit(key: ConnectionKey, user: Buffer): void {
    const socket = this.#sockets.get(key)
    if (socket?.gate?.stage !== 'middleware') return
    const known = socket.user
    socket.user = decodeValue(user)
    const data = socket.data as { user?: unknown } | null | undefined
    // The clone of whom `verifyClient` found is not whom the middleware has changed.
    if (known !== undefined && data?.user === known) data.user = socket.user
    this.#blame.run(socket, () => this.#dispatcher.admit(socket))
    this.#forget(socket)
  }

  /** Main closes it: what is held for its handler will not be delivered. */
  refuse(key: ConnectionKey): void {
    const socket = this.#sockets.get(key)
    if (socket === undefined) return
    // The session may go to another connection now.
    this.#keep(socket)
    socket.gate?.refuse()
    this.#forget(socket)
  }

  /** Main puts a connection into a room. False: it is not handled here. */
  join(key: ConnectionKey, room: string): boolean {
    const socket = this.#sockets.get(key)
    if (socket === undefined) return false
    if (!this.#memberships.has(socket, room)) this.#memberships.enter(socket, room)
    return true
  }

  /** The handler of this connection's former shard has let it into a room. */
  joinIfRoom(key: ConnectionKey, room: string): void {
    const socket = this.#sockets.get(key)
    if (socket !== undefined) this.#memberships.enterIfRoom(socket, room)
  }

  leave(key: ConnectionKey, room: string): boolean {
    const socket = this.#sockets.get(key)
    if (socket === undefined) return false
    this.#memberships.leave(socket, room)
    return true
  }

  /** Calls back when the handler is done with its messages: at once if it is, or handles none of this connection. */
  onceIdle(key: ConnectionKey, callback: () => void): void {
    const socket = this.#sockets.get(key)
    if (socket === undefined) callback()
    else socket.onceIdle(callback)
  }

  /** Whether the connection's handler has let it in, or is not here. */
  isIn(key: ConnectionKey): boolean {
    return (this.#sockets.get(key)?.gate ?? null) === null
  }

  /**
   * What the handler knows of a connection that leaves, null if main handles it.
   *
   * @throws ShardwsError ARGUMENT_INVALID for what cannot be cloned, and what `detach` throws.
   */
  pack(key: ConnectionKey): Uint8Array | null {
    const socket = this.#sockets.get(key)
    if (socket === undefined) return null
    const state = (socket.handler as Handler).detach?.(socket)
    return encodeValue(this.#snapshotOf(socket, state), 'what the socket holds')
  }

  /** Whether `pack` would do; a mistake of the application is told of. `detach` is not called. */
  canPack(key: ConnectionKey): boolean {
    const socket = this.#sockets.get(key)
    if (socket === undefined) return true
    try {
      encodeValue(this.#snapshotOf(socket, undefined), 'what the socket holds')
      return true
    } catch (error) {
      this.#report(socket, error as Error)
      return false
    }
  }

  /** It has left, its rooms here excepted. */
  release(key: ConnectionKey): void {
    const socket = this.#sockets.get(key)
    this.#sockets.delete(key)
    // What main has not heard by then, nobody would tell it.
    this.reports.flush()
    if (socket === undefined) return
    this.#memberships.depart(socket)
    socket.depart(new MovedConnection(key, this.#server.routes))
  }

  /** It has come from another shard. `packed` is what `pack` has returned there. */
  unpack(connection: Connection, packed: Uint8Array): void {
    const snapshot = decodeValue(packed) as SocketSnapshot
    const { module, request, user, data, metadata, properties, session, state, moves } = snapshot
    const handler = this.#handlers.get(module)
    if (handler === undefined) throw new ShardwsError('UNKNOWN_MESSAGE', `arrive names an unknown module ${module}`)
    const socket = new ShardSocket(connection, new UpgradeRequest({ ...request, user }), handler, this.#socketContext)
    Object.assign(socket, properties, { data, moves: moves + 1 })
    if (metadata !== null) socket.metadata = metadata
    if (session !== null) socket.session = Object.assign(new SocketSession(), session)
    connection.listen(socket)
    this.#sockets.set(connection.key, socket)
    this.#modules.set(socket, module)
    this.#blame.run(socket, () => this.#dispatcher.attach(socket, state))
  }

  #snapshotOf(socket: ShardSocket, state: unknown): SocketSnapshot {
    return snapshotOf(socket, this.#modules.get(socket) ?? NO_MODULE, state)
  }

  /** Something has thrown that no handler has caught: the connection for which it ran, if that is known, pays. */
  onUncaught(error: unknown): void {
    this.#context.counters.add(Counter.HANDLER_ERRORS, 1)
    this.#blame.culprit?.close(CloseCode.INTERNAL_ERROR, 'handler failed')
    this.#context.link.faltered(encodeError(error))
  }

  /** A promise that nobody awaits has rejected: an error of the application, but no harm is done to the thread. */
  onUnhandled(error: unknown): void {
    this.#context.counters.add(Counter.HANDLER_ERRORS, 1)
    this.#report(null, error as Error)
  }

  /** Whether handlers are at work, also for connections that have left or closed. */
  get isAtWork(): boolean {
    return !this.#dispatcher.isIdle
  }

  /** Calls back once, when those that are at work are done. */
  onceDone(callback: () => void): void {
    this.#dispatcher.onceIdle(callback)
  }

  stop(): void {
    this.#dispatcher.stop()
    this.#server.stop()
  }

  /** Tells main what its session is to hold. */
  #keep(socket: ShardSocket): void {
    const { session } = socket
    if (session?.isComplete) this.#context.link.kept(socket.key, this.#stateOf(socket, session))
  }

  /** As of `encodeValue`, empty if it cannot be kept. */
  #stateOf(socket: ShardSocket, { identity }: SocketSession): Uint8Array {
    try {
      const data = packData(socket)
      if (data.length > this.#context.options.maxSessionData) return NOTHING
      return encodeValue({ rooms: [...socket.rooms], data, identity } satisfies SessionState, 'the session')
    } catch (error) {
      this.#report(socket, error as Error)
      return NOTHING
    }
  }

  /** One that has closed is kept until main's middleware is done with it: its handler has not heard of it yet. */
  #forget({ key, gate, readyState }: ShardSocket): void {
    if (readyState === ReadyState.CLOSED && gate?.stage !== 'middleware') this.#sockets.delete(key)
  }

  /** The listeners of the server are on main, which hears from the shard itself what concerns them. */
  #listeners(): ServerListeners {
    const { counters, link } = this.#context
    const ignore = (): void => {}
    return {
      onConnection: ignore,
      onReady: (socket) => this.#keep(socket as ShardSocket),
      onMessage: () => undefined,
      onClose: ignore,
      onDrain: ignore,
      onDropped: ignore,
      onJoined: ignore,
      onLeft: ignore,
      onTimeout: (_, code) => counters.countFailure(code),
      onError: (socket, error) => this.#report(socket, error),
      onHandlerError: () => counters.add(Counter.HANDLER_ERRORS, 1),
      // As `#report`: peers can cause it at will.
      onErrorListenerFailed: (error) => {
        if (link.hasCredit()) link.listenerFailed(encodeError(error))
      },
      onInvalidMessage: () => counters.add(Counter.INVALID_MESSAGES, 1),
    }
  }

  #report(socket: Socket | null, error: Error): void {
    const { link } = this.#context
    // A peer whose messages make a handler throw can cause it at will: while main is behind it is only counted.
    if (!link.hasCredit()) return
    const key = socket?.key ?? NO_KEY
    if (error instanceof ShardwsError) link.failed(key, error.code, error.message)
    else link.threw(key, encodeError(error))
  }
}
