import type { IncomingHttpHeaders } from 'node:http'
import type { ReadyState } from '../../shared/connection-table.ts'
import type { BroadcastOptions, SendOptions } from '../../shared/send-options.ts'
import type { Socket } from '../../shared/socket.ts'

/** The connection as the engine knows it. */
export type EngineSocket = Socket

export interface VerbSocketEventMap {
  /** Text is a string, binary a Buffer: a view on a larger one, to be copied if it is kept for long. */
  message: [message: string | Buffer, isBinary: boolean]
  /** The last event. 1006: it ended without a closing handshake. 1002 'Ping timeout': nothing came from it for `livenessMs`. */
  close: [code: number, reason: string]
  error: [error: Error]
  /** Everything queued has been written, after `send` returned false. */
  drain: []
  ping: [payload: Buffer]
  pong: [payload: Buffer]
}

export type VerbSocketEvent = keyof VerbSocketEventMap

/** What it throws or rejects with arrives at `error`. */
export type VerbSocketListener<Event extends VerbSocketEvent> = (...args: VerbSocketEventMap[Event]) => unknown

/** One connection. Other properties than these are free for the application. */
export interface VerbSocket<Data = Record<string, unknown>> {
  [property: string]: unknown
  readonly CONNECTING: typeof ReadyState.CONNECTING
  readonly OPEN: typeof ReadyState.OPEN
  readonly CLOSING: typeof ReadyState.CLOSING
  readonly CLOSED: typeof ReadyState.CLOSED
  /** Unique and not guessable; '' while connecting. */
  readonly id: string
  /** Path and query as the client sent them. */
  readonly url: string
  readonly path: string
  /** The parts of the path that the route names. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  /** Of the upgrade request; names in lower case. */
  readonly headers: IncomingHttpHeaders
  /** Address of the TCP peer, perhaps a proxy. */
  readonly remoteAddress: string
  /** The agreed subprotocol, '' for none. */
  readonly protocol: string
  readonly readyState: ReadyState
  /** Bytes queued for it, here and in its shard. */
  readonly bufferedAmount: number
  readonly rooms: ReadonlySet<string>
  /** Free for the application. Begins as `res.locals`, with whom `verifyClient` found as `user`, or as what `res.upgrade` was given. */
  data: Data
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
  join(room: string): boolean
  leave(room: string): boolean
  publish(room: string, message: string | Uint8Array, options?: boolean | BroadcastOptions): boolean
  on<Event extends VerbSocketEvent>(event: Event, listener: VerbSocketListener<Event>): this
  once<Event extends VerbSocketEvent>(event: Event, listener: VerbSocketListener<Event>): this
  off<Event extends VerbSocketEvent>(event: Event, listener: VerbSocketListener<Event>): this
}
