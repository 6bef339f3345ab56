import type { IncomingHttpHeaders } from 'node:http'
import { Audience } from './audience.ts'
import type { ConnectionKey } from './connection-key.ts'
import { type ConnectionTable, ReadyState } from './connection-table.ts'
import type { BroadcastOptions, PublishOptions, SendOptions } from './send-options.ts'
import { SocketEvents } from './socket-events.ts'
import type { UpgradeRequest } from './upgrade-request.ts'

/** The part of the server that a handler can reach from its own thread, be it main or a shard. */
export interface HandlerServer {
  /** As `WebSocketServer.send`: to any connection of the server, whichever thread owns it. @throws ShardwsError ARGUMENT_INVALID */
  send(id: string, message: string | Uint8Array, options?: boolean | SendOptions): boolean
  /** As `WebSocketServer.broadcast`. @throws ShardwsError ARGUMENT_INVALID */
  broadcast(message: string | Uint8Array, options?: boolean | BroadcastOptions): boolean
  /** As `WebSocketServer.publish`. @throws ShardwsError ARGUMENT_INVALID */
  publish(rooms: string | readonly string[], message: string | Uint8Array, options?: boolean | PublishOptions): boolean
  /** As `WebSocketServer.close`. @throws ShardwsError ARGUMENT_INVALID */
  close(id: string, code?: number, reason?: string): void
  /**
   * As `WebSocketServer.identify`. In a shard true says that main was asked, which decides by `maxDevicesPerUser`, and false
   * that the connection is not open or main too far behind.
   *
   * @throws ShardwsError ARGUMENT_INVALID
   */
  identify(id: string, userId: string | null): boolean
  /**
   * As `WebSocketServer.user(userId).send`. In a shard true says that main was given the message, false that it is too far behind.
   *
   * @throws ShardwsError ARGUMENT_INVALID
   */
  sendToUser(userId: string, message: string | Uint8Array, options?: boolean | SendOptions): boolean
  /**
   * Hands a value to the application on main, which hears it as `wss.on('post')`: whatever `structuredClone` takes, with
   * no more than Buffers as binary data. False: main is too far behind, and nothing was posted.
   *
   * @throws ShardwsError ARGUMENT_INVALID
   */
  post(message: unknown): boolean
  /**
   * As `WebSocketServer.compute.run`, without options: CPU-heavy work on threads beside main and the shards. Rejects as that
   * does, in a shard also with LINK_FULL when main is too far behind to be asked.
   */
  compute(task: unknown): Promise<unknown>
  /** What main has set with `wss.state.set`, as of now. */
  readonly state: ReadonlyMap<string, unknown>
}

/**
 * One connection as the application sees it, on main or in its shard. What it reads is memory that all threads share.
 */
export abstract class Socket<Data = unknown> extends SocketEvents {
  /** Unique in the process and not guessable; says nothing about the shard, so it outlives a move. */
  readonly id: string
  /** By the engine. */
  readonly key: ConnectionKey
  /** Its opening handshake. */
  readonly request: UpgradeRequest
  /** By the dispatcher: the `Handler` that serves it, null for none. */
  readonly handler: object | null
  /** How often it has moved from one shard to another. */
  moves = 0
  /** Free for the application. What `verifyClient` found out about the client is `data.user`. */
  data: Data
  readonly #table: ConnectionTable

  constructor(id: string, key: ConnectionKey, request: UpgradeRequest, handler: object | null, table: ConnectionTable) {
    super()
    this.id = id
    this.key = key
    this.request = request
    this.handler = handler
    this.data = (request.user === undefined ? {} : { user: request.user }) as Data
    this.#table = table
  }

  /** Index of the shard that owns the connection. */
  get shard(): number {
    return this.#table.shard(this.key)
  }

  /** The request target, query included. */
  get url(): string {
    return this.request.url
  }

  /** The request target without the query, not decoded. */
  get path(): string {
    return this.request.path
  }

  /** The query, decoded; the last one of several values of a name. */
  get query(): Record<string, string> {
    return this.request.query
  }

  /** Of the opening handshake, names in lower case. */
  get headers(): IncomingHttpHeaders {
    return this.request.headers
  }

  /** The address of the TCP peer: behind a proxy that of the proxy. See `ip`. */
  get remoteAddress(): string {
    return this.request.remoteAddress
  }

  /** The port of the TCP peer. */
  get remotePort(): number {
    return this.request.remotePort
  }

  /** The client's address, by `trustProxy`. */
  get ip(): string {
    return this.request.ip
  }

  /** The parts of the path that the route names. */
  get params(): Record<string, string> {
    return this.request.params
  }

  /** Whom `verifyClient` or the middleware found: `request.user`. */
  get user(): unknown {
    return this.request.user
  }

  set user(user: unknown) {
    this.request.user = user
  }

  /** The agreed subprotocol, '' for none. */
  get protocol(): string {
    return this.request.protocol
  }

  /** Payload bytes. */
  get bytesReceived(): number {
    return this.#table.bytesReceived(this.key)
  }

  /** Payload bytes. */
  get bytesSent(): number {
    return this.#table.bytesSent(this.key)
  }

  /** Messages received. */
  get messagesReceived(): number {
    return this.#table.messagesReceived(this.key)
  }

  /** Milliseconds since the epoch of the last message or, before the first, of the opening. */
  get lastActivity(): number {
    // The shard's clock is coarse: it may be a little behind the one that saw the opening.
    return Math.max(this.#table.lastActivity(this.key), this.connectedAt)
  }

  /** Milliseconds since the epoch. */
  get connectedAt(): number {
    return this.#table.connectedAt(this.key)
  }

  /** Milliseconds since the epoch, 0 before the first pong. */
  get lastPong(): number {
    return this.#table.lastPong(this.key)
  }

  /** Open: a connection past its liveness deadline is not. */
  get isAlive(): boolean {
    return this.readyState === ReadyState.OPEN
  }

  /** 1 - compressed / original over all compressed messages in both directions, 0 while there are none. */
  get compressionRatio(): number {
    return this.#table.compressionRatio(this.key)
  }

  /** CONNECTING, OPEN, CLOSING or CLOSED, as in browsers. */
  abstract get readyState(): ReadyState

  /** The agreed extensions as in `Sec-WebSocket-Extensions`, '' for none. */
  abstract get extensions(): string

  /** Bytes that were sent and that the kernel has not taken. */
  abstract get bufferedAmount(): number

  /** Names of the rooms it is in, as of now. */
  abstract get rooms(): ReadonlySet<string>

  /** What the handler can reach of the server on its own thread. */
  abstract get server(): HandlerServer

  /**
   * Sends a text (string) or binary message; the options override the kind and forbid compression.
   *
   * True means that the shard will write it to the socket. False: the connection is not open, or its kernel queue
   * is full and `maxBackpressure` is reached (with `slowConsumer: 'buffer'` the message is queued all the same), or
   * the shard is too far behind to take more. In the last two cases `drain` says when to go on.
   *
   * @throws ShardwsError ARGUMENT_INVALID
   */
  abstract send(message: string | Uint8Array, options?: boolean | SendOptions): boolean

  /**
   * Begins the closing handshake. Does nothing when it has begun already.
   *
   * @param code 1000 to 1003, 1007 to 1014 or 3000 to 4999. Default 1000.
   * @param reason At most 123 bytes of UTF-8, the rest is cut off. Default ''.
   * @throws ShardwsError ARGUMENT_INVALID
   */
  abstract close(code?: number, reason?: string): void

  /** Ends the connection at once, without a closing handshake. */
  abstract terminate(): void

  /** @param data At most 125 bytes. @throws ShardwsError ARGUMENT_INVALID */
  abstract ping(data?: string | Uint8Array): void

  /** An unsolicited pong (RFC 6455 §5.5.3). @param data At most 125 bytes. @throws ShardwsError ARGUMENT_INVALID */
  abstract pong(data?: string | Uint8Array): void

  /** Restarts the liveness and idle deadlines, as if the peer had sent something. */
  abstract markAlive(): void

  /** See `WebSocketServer.join`. @throws ShardwsError ARGUMENT_INVALID */
  abstract join(room: string): boolean

  /** See `WebSocketServer.joinAsync`. Rejects with ShardwsError ARGUMENT_INVALID. */
  abstract joinAsync(room: string): Promise<boolean>

  /** See `WebSocketServer.leave`. @throws ShardwsError ARGUMENT_INVALID */
  abstract leave(room: string): boolean

  /** `WebSocketServer.identify` of this connection. @throws ShardwsError ARGUMENT_INVALID */
  identify(userId: string | null): boolean {
    return this.server.identify(this.id, userId)
  }

  /** As `join`: rooms are channels. @throws ShardwsError ARGUMENT_INVALID */
  subscribe(channel: string): boolean {
    return this.join(channel)
  }

  /** As `leave`. @throws ShardwsError ARGUMENT_INVALID */
  unsubscribe(channel: string): boolean {
    return this.leave(channel)
  }

  /** See `WebSocketServer.publish`: the members get it, this connection too if it is one and not excepted. @throws ShardwsError ARGUMENT_INVALID */
  publish(
    rooms: string | readonly string[],
    message: string | Uint8Array,
    options?: boolean | PublishOptions,
  ): boolean {
    return this.server.publish(rooms, message, options)
  }

  /** `publish` to everyone in these rooms but this connection. @throws ShardwsError ARGUMENT_INVALID */
  broadcast(rooms: string | readonly string[], message: string | Uint8Array, options?: boolean | SendOptions): boolean {
    const send = typeof options === 'boolean' ? { isBinary: options } : options
    return this.server.publish(rooms, message, { ...send, except: this })
  }

  /**
   * The members of these rooms but this connection: `socket.to('red').send(message)`. See `Audience`.
   *
   * @throws ShardwsError ARGUMENT_INVALID
   */
  to(...rooms: readonly string[]): Audience {
    return new Audience((names, message, options) => this.server.publish(names, message, options), rooms, [this])
  }
}
