import { EventEmitter } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Express, RequestHandler } from 'express'
import type { Stats } from '../../main/stats.ts'
import { ShardwsError } from '../../shared/errors.ts'
import type { PathParams, WSConnection, WSMiddleware, WSRequest, WSRoomManager } from './connection.ts'
import { Endpoints } from './endpoints.ts'
import { HttpHost } from './http-host.ts'
import { appOptions, type WebSocketOptions } from './options.ts'

/** A connection that may be given properties of your own. */
export type AppConnection = WSConnection & Record<string, unknown>

/** Serves the connections to a path; what it throws is an `error` of the connection. */
export type AppHandler<Params = Record<string, string>> = (socket: AppConnection, req: WSRequest<Params>) => unknown

/** What the listeners of each event get. */
export interface NextRushAppEvents {
  /** A connection is open; middleware and handlers run after this. */
  'websocket:connection': [socket: AppConnection, req: WSRequest]
  /** The last event of a connection. 1006: it ended without a closing handshake. */
  'websocket:disconnect': [socket: AppConnection, code: number, reason: string]
  /** What went wrong, with one connection or (undefined) with the server. Unheard errors are logged. */
  'websocket:error': [error: Error, socket: AppConnection | undefined]
}

/** NextRush v1's application, on Express 5: `(req, res)` handlers, and WebSocket once it is enabled. */
export class NextRushApp extends EventEmitter<NextRushAppEvents> {
  readonly #host = new HttpHost()
  readonly #sockets = new Map<string, AppConnection>()
  #endpoints: Endpoints | null = null

  /** @throws ShardwsError EXPRESS_MISSING */
  constructor() {
    super({ captureRejections: true })
  }

  /** Express' application, for what this one has no method for. */
  get express(): Express {
    return this.#host.express
  }

  /** The HTTP server. */
  get server(): Server {
    return this.#host.server
  }

  /**
   * Starts the shards. Before or after `listen`, but before `ws`.
   *
   * @throws ShardwsError OPTION_UNKNOWN, OPTION_INVALID; ARGUMENT_INVALID when it is enabled already.
   */
  enableWebSocket(options: WebSocketOptions = {}): this {
    if (this.#endpoints !== null) throw new ShardwsError('ARGUMENT_INVALID', 'enableWebSocket: it is enabled already')
    this.#endpoints = new Endpoints(appOptions(options))
    this.#tell(this.#endpoints)
    this.#endpoints.attach(this.server)
    return this
  }

  /**
   * Serves the connections to a path, of text, `:name` and, as its last segment, `*`: on main by a function, in the shards
   * by a module whose default export is a `Handler` of `shardws/handler`.
   *
   * @throws ShardwsError WEBSOCKET_NOT_ENABLED; ARGUMENT_INVALID, also when the path has a handler already.
   */
  ws<const Path extends string>(path: Path, handler: AppHandler<PathParams<Path>> | URL): this {
    this.#enabled('ws').route(path, handler as never)
    return this
  }

  /** Adds a middleware for new connections. @throws ShardwsError WEBSOCKET_NOT_ENABLED, ARGUMENT_INVALID */
  wsUse(middleware: WSMiddleware): this {
    this.#enabled('wsUse').use(middleware)
    return this
  }

  /** Sends to every connection, or to the members of a room. @throws ShardwsError WEBSOCKET_NOT_ENABLED, ARGUMENT_INVALID */
  wsBroadcast(message: string | Uint8Array, room?: string): this {
    this.#enabled('wsBroadcast').broadcast(message, room)
    return this
  }

  /** @throws ShardwsError WEBSOCKET_NOT_ENABLED */
  get wsRooms(): WSRoomManager {
    return this.#enabled('wsRooms').rooms
  }

  /** Reads shared memory only, so it may be called often. @throws ShardwsError WEBSOCKET_NOT_ENABLED */
  getWebSocketStats(): Stats {
    return this.#enabled('getWebSocketStats').server.stats()
  }

  /** Adds middleware of Express for every path, or for those below one. */
  use(path: string | RequestHandler, ...handlers: RequestHandler[]): this {
    if (typeof path === 'string') this.express.use(path, ...handlers)
    else this.express.use(path, ...handlers)
    return this
  }

  /** Serves GET requests to a path, as Express does. */
  get(path: string, ...handlers: RequestHandler[]): this {
    this.express.get(path, ...handlers)
    return this
  }

  /** Serves POST requests to a path, as Express does. */
  post(path: string, ...handlers: RequestHandler[]): this {
    this.express.post(path, ...handlers)
    return this
  }

  /** Serves PUT requests to a path, as Express does. */
  put(path: string, ...handlers: RequestHandler[]): this {
    this.express.put(path, ...handlers)
    return this
  }

  /** Serves PATCH requests to a path, as Express does. */
  patch(path: string, ...handlers: RequestHandler[]): this {
    this.express.patch(path, ...handlers)
    return this
  }

  /** Serves DELETE requests to a path, as Express does. */
  delete(path: string, ...handlers: RequestHandler[]): this {
    this.express.delete(path, ...handlers)
    return this
  }

  /** Serves OPTIONS requests to a path, as Express does. */
  options(path: string, ...handlers: RequestHandler[]): this {
    this.express.options(path, ...handlers)
    return this
  }

  /** Serves HEAD requests to a path, as Express does. */
  head(path: string, ...handlers: RequestHandler[]): this {
    this.express.head(path, ...handlers)
    return this
  }

  /** Serves requests of every method to a path, as Express does. */
  all(path: string, ...handlers: RequestHandler[]): this {
    this.express.all(path, ...handlers)
    return this
  }

  /**
   * Listens; `listen(port, callback)` too. Resolves with the address when the shards are ready.
   *
   * @throws ShardwsError ALREADY_LISTENING; rejects with the error of `net.Server.listen`.
   */
  listen(port: number, host?: string | (() => void), callback?: () => void): Promise<AddressInfo> {
    return this.#host.listen(port, host, callback, () => this.#endpoints)
  }

  /** Where it listens, or null. */
  address(): AddressInfo | null {
    return this.#host.address
  }

  /** Closes the WebSockets with 1001, then the HTTP server. */
  close(): Promise<void> {
    return this.#host.close(this.#endpoints)
  }

  /** A listener that returned a promise which rejects. */
  override [EventEmitter.captureRejectionSymbol](error: Error, event: unknown, ...args: unknown[]): void {
    // To emit an error for an error listener would call it again, for ever.
    if (event === 'websocket:error') process.emitWarning(error)
    else this.emit('websocket:error', error, args[0] as AppConnection)
  }

  #tell({ server, requests }: Endpoints): void {
    server.on('connection', (id, request) => {
      const socket = server.getConnection(id) as AppConnection | undefined
      if (socket === undefined) return
      this.#sockets.set(id, socket)
      this.emit('websocket:connection', socket, requests.of(request))
    })
    server.on('close', (id, code, reason) => {
      const socket = this.#sockets.get(id)
      this.#sockets.delete(id)
      if (socket !== undefined) this.emit('websocket:disconnect', socket, code, reason)
    })
    const onError = (id: string | null, error: Error): void => {
      this.emit('websocket:error', error, id === null ? undefined : this.#sockets.get(id))
    }
    // The server logs the errors that nobody hears, so it must not hear them from us unless somebody listens.
    const listen = (): void => {
      server.off('error', onError)
      if (this.listenerCount('websocket:error') > 0) server.on('error', onError)
    }
    listen()
    this.on('removeListener' as never, listen as never)
    this.on(
      'newListener' as never,
      ((event: unknown) => {
        if (event === 'websocket:error') queueMicrotask(listen)
      }) as never,
    )
  }

  #enabled(method: string): Endpoints {
    if (this.#endpoints !== null) return this.#endpoints
    throw new ShardwsError(
      'WEBSOCKET_NOT_ENABLED',
      `app.${method} needs WebSocket; first call app.enableWebSocket(options)`,
    )
  }
}
