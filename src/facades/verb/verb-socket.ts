import type { IncomingHttpHeaders } from 'node:http'
import type { ReadyState } from '../../shared/connection-table.ts'
import type { BroadcastOptions, SendOptions } from '../../shared/send-options.ts'
import type { Socket } from '../../shared/socket.ts'

/** The connection as the engine knows it. */
export type EngineSocket = Socket

/** The events of one socket, and what their listeners get. */
export interface VerbSocketEventMap {
  /** Text is a string, binary a Buffer: a view on a larger one, to be copied if it is kept for long. */
  message: [message: string | Buffer, isBinary: boolean]
  /** The last event. 1006: it ended without a closing handshake. 1002 'Ping timeout': nothing came from it for `livenessMs`. */
  close: [code: number, reason: string]
  /** What went wrong with it. */
  error: [error: Error]
  /** Everything queued has been written, after `send` returned false. */
  drain: []
  /** The peer has sent a ping; it has been answered. */
  ping: [payload: Buffer]
  /** The peer has answered a ping, or sent a pong unasked. */
  pong: [payload: Buffer]
}

/** The names of these events. */
export type VerbSocketEvent = keyof VerbSocketEventMap

/** What it throws or rejects with arrives at `error`. */
export type VerbSocketListener<Event extends VerbSocketEvent> = (...args: VerbSocketEventMap[Event]) => unknown

/** One connection. Other properties than these are free for the application. */
export interface VerbSocket<Data = Record<string, unknown>> {
  [property: string]: unknown
  /** A value of `readyState`. */
  readonly CONNECTING: typeof ReadyState.CONNECTING
  /** A value of `readyState`. */
  readonly OPEN: typeof ReadyState.OPEN
  /** A value of `readyState`. */
  readonly CLOSING: typeof ReadyState.CLOSING
  /** A value of `readyState`. */
  readonly CLOSED: typeof ReadyState.CLOSED
  /** Unique and not guessable; '' while connecting. */
  readonly id: string
  /** Path and query as the client sent them. */
  readonly url: string
  /** Of the request, without the query. */
  readonly path: string
  /** The parts of the path that the route names. */
  readonly params: Readonly<Record<string, string>>
  /** Of the request; the last one of several values of a name. */
  readonly query: Readonly<Record<string, string>>
  /** Of the upgrade request; names in lower case. */
  readonly headers: IncomingHttpHeaders
  /** Address of the TCP peer, perhaps a proxy. */
  readonly remoteAddress: string
  /** The agreed subprotocol, '' for none. */
  readonly protocol: string
  /** CONNECTING (before the 101), OPEN, CLOSING or CLOSED. */
  readonly readyState: ReadyState
  /** Bytes queued for it, here and in its shard. */
  readonly bufferedAmount: number
  /** Names of the rooms it is in, as of now. */
  readonly rooms: ReadonlySet<string>
  /** Free for the application. Begins as `res.locals`, with whom `verifyClient` found as `user`, or as what `res.upgrade` was given. */
  data: Data
  /** Whom `verifyClient` found, or what the application sets. */
  user: unknown
  /** False: not open, or over `maxBackpressure`; in the latter case `drain` tells when to go on. */
  send(message: string | Uint8Array, options?: boolean | SendOptions): boolean
  /** Begins the closing handshake. Default code 1000. @throws ShardwsError ARGUMENT_INVALID */
  close(code?: number, reason?: string): void
  /** Ends the connection at once. */
  terminate(): void
  /** @param data At most 125 bytes. @throws ShardwsError ARGUMENT_INVALID */
  ping(data?: string | Uint8Array): void
  /** @param data At most 125 bytes. @throws ShardwsError ARGUMENT_INVALID */
  pong(data?: string | Uint8Array): void
  /** Whose connection it is, for `app.websocket.user(userId)`; null: nobody's. @throws ShardwsError ARGUMENT_INVALID */
  identify(userId: string | null): boolean
  /** See `WebSocketServer.join`. @throws ShardwsError ARGUMENT_INVALID */
  join(room: string): boolean
  /** See `WebSocketServer.leave`. @throws ShardwsError ARGUMENT_INVALID */
  leave(room: string): boolean
  /** See `WebSocketServer.publish`. @throws ShardwsError ARGUMENT_INVALID */
  publish(room: string, message: string | Uint8Array, options?: boolean | BroadcastOptions): boolean
  /** Adds a listener. @throws ShardwsError ARGUMENT_INVALID */
  on<Event extends VerbSocketEvent>(event: Event, listener: VerbSocketListener<Event>): this
  /** As `on`, for the next event only. @throws ShardwsError ARGUMENT_INVALID */
  once<Event extends VerbSocketEvent>(event: Event, listener: VerbSocketListener<Event>): this
  /** Removes the latest addition of a listener, if there is one. */
  off<Event extends VerbSocketEvent>(event: Event, listener: VerbSocketListener<Event>): this
}
