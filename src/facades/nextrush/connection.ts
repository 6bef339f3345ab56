import type { IncomingMessage } from 'node:http'
import type { RouteParams } from '../../shared/handler.ts'
import type { BroadcastOptions } from '../../shared/send-options.ts'
import type { Socket } from '../../shared/socket.ts'

/** One connection. Properties of your own may be added; `data` is the place with a type. */
export type WSConnection<Data = Record<string, unknown>> = Socket<Data>

/** The request that opened a connection, with what Express would have found in it. */
export interface WSRequest<Params = Record<string, string>> extends IncomingMessage {
  /** Without the query. */
  readonly path: string
  /** The parts of the path that the route names, decoded. */
  readonly params: Params
  /** Decoded; of a name given twice, the last value. Has no prototype. */
  readonly query: Record<string, string>
  /** The client's address, by `trustProxy`. */
  readonly ip: string
  /** Whom `verifyClient`, the middleware or the handler found: also `socket.user` and `socket.data.user`. */
  user: unknown
}

/** What a path names; an object also if it names nothing, so that handlers of any path fit. */
export type PathParams<Path extends string> = RouteParams<Path> & Record<never, string>

/** Serves the connections to a path. Messages wait while its promise is pending; what it throws is an `error` of the connection. */
export type WSHandler<Params = Record<string, string>> = (socket: WSConnection, req: WSRequest<Params>) => unknown

/** Runs for every new connection before its handler: `next()` lets it in, `socket.close(code, reason)` refuses it. See `Middleware`. */
export type WSMiddleware = (socket: WSConnection, req: WSRequest, next: (error?: unknown) => void) => unknown

/** What an application can do once the plugin is installed. */
export interface WebSocketApplication {
  /**
   * Serves the connections to a path, of text, `:name` and, as its last segment, `*`: on main by a function, in the shards
   * by a module whose default export is a `Handler` of `shardws/handler`.
   *
   * @throws ShardwsError ARGUMENT_INVALID, also when the path has a handler already.
   */
  ws<const Path extends string>(path: Path, handler: WSHandler<PathParams<Path>> | URL): this
  /** Adds a middleware. @throws ShardwsError ARGUMENT_INVALID */
  wsUse(middleware: WSMiddleware): this
  /** Sends to every connection, or to the members of a room, whoever calls it. @throws ShardwsError ARGUMENT_INVALID */
  wsBroadcast(message: string | Uint8Array, room?: string): this
}

/** The rooms, for code that has no connection at hand. A connection is known by itself or by its id. */
export interface WSRoomManager {
  /** False: not a member now; see `WebSocketServer.join`. @throws ShardwsError ARGUMENT_INVALID */
  join(socket: WSConnection | string, room: string): boolean
  /** False: it was not in it. @throws ShardwsError ARGUMENT_INVALID */
  leave(socket: WSConnection | string, room: string): boolean
  /** False: a shard was too far behind to take it. @throws ShardwsError ARGUMENT_INVALID */
  broadcast(room: string, message: string | Uint8Array, options?: BroadcastOptions): boolean
  /** Members of a room. @throws ShardwsError ARGUMENT_INVALID */
  size(room: string): number
  /** Members by room. */
  list(): Promise<Record<string, number>>
  /** Whether the room has members. @throws ShardwsError ARGUMENT_INVALID */
  has(room: string): boolean
}
