import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Express, NextFunction, Request, RequestHandler, Response } from 'express'
import type { PathParams, WebSocketApplication, WSConnection, WSHandler, WSMiddleware } from './connection.ts'
import { HttpContext, type WSContext } from './context.ts'
import type { UpgradeObserver } from './endpoints.ts'
import { HttpHost } from './http-host.ts'
import { findEndpoints, METHODS } from './installed.ts'
import { ShownUpgrades } from './shown-upgrades.ts'

/**
 * Answers a request or passes it on with `next()`, whose promise is fulfilled when the next handler is done with it. What
 * it throws or rejects with goes to Express' error handling.
 */
export type ContextHandler = (ctx: WSContext, next: () => Promise<void>) => unknown

/** What `createApp` returns: NextRush v2's application, on Express 5. Paths of HTTP routes are Express'. */
export class Application implements WebSocketApplication, UpgradeObserver {
  readonly #host = new HttpHost()
  readonly #shown = new ShownUpgrades(this.#host.express)
  readonly #contexts = new WeakMap<Request, HttpContext>()
  /** Of the handlers that are at work on a request, what the latest one still does. */
  readonly #work = new WeakMap<Request, Promise<void>>()
  /** Upgrades that go on. */
  readonly #upgrading = new WeakMap<IncomingMessage, { readonly opened: Promise<void>; readonly open: () => void }>()

  /** Express' application, for what this one has no method for. */
  get express(): Express {
    return this.#host.express
  }

  /** The HTTP server. */
  get server(): Server {
    return this.#host.server
  }

  /** Adds a middleware for every path, or for those below one. It sees upgrades too: see `WSContext.isWebSocket`. */
  use(path: string | ContextHandler, ...handlers: ContextHandler[]): this {
    if (typeof path !== 'string') return this.use('/', path, ...handlers)
    const adapted = this.#adaptAll(handlers)
    this.express.use(path, ...adapted)
    this.#shown.use(path, adapted)
    return this
  }

  /** Serves GET requests to a path, as Express does. */
  get(path: string, ...handlers: ContextHandler[]): this {
    this.express.get(path, ...this.#adaptAll(handlers))
    return this
  }

  /** Serves POST requests to a path, as Express does. */
  post(path: string, ...handlers: ContextHandler[]): this {
    this.express.post(path, ...this.#adaptAll(handlers))
    return this
  }

  /** Serves PUT requests to a path, as Express does. */
  put(path: string, ...handlers: ContextHandler[]): this {
    this.express.put(path, ...this.#adaptAll(handlers))
    return this
  }

  /** Serves PATCH requests to a path, as Express does. */
  patch(path: string, ...handlers: ContextHandler[]): this {
    this.express.patch(path, ...this.#adaptAll(handlers))
    return this
  }

  /** Serves DELETE requests to a path, as Express does. */
  delete(path: string, ...handlers: ContextHandler[]): this {
    this.express.delete(path, ...this.#adaptAll(handlers))
    return this
  }

  /** Serves OPTIONS requests to a path, as Express does. */
  options(path: string, ...handlers: ContextHandler[]): this {
    this.express.options(path, ...this.#adaptAll(handlers))
    return this
  }

  /** Serves HEAD requests to a path, as Express does. */
  head(path: string, ...handlers: ContextHandler[]): this {
    this.express.head(path, ...this.#adaptAll(handlers))
    return this
  }

  /** Serves requests of every method to a path, as Express does. */
  all(path: string, ...handlers: ContextHandler[]): this {
    this.express.all(path, ...this.#adaptAll(handlers))
    return this
  }

  /** See `WebSocketApplication`. @throws ShardwsError ARGUMENT_INVALID, WEBSOCKET_NOT_ENABLED */
  ws<const Path extends string>(path: Path, handler: WSHandler<PathParams<Path>> | URL): this {
    METHODS.ws.call(this, path, handler as never)
    return this
  }

  /** See `WebSocketApplication`. @throws ShardwsError ARGUMENT_INVALID, WEBSOCKET_NOT_ENABLED */
  wsUse(middleware: WSMiddleware): this {
    METHODS.wsUse.call(this, middleware)
    return this
  }

  /** See `WebSocketApplication`. @throws ShardwsError ARGUMENT_INVALID, WEBSOCKET_NOT_ENABLED */
  wsBroadcast(message: string | Uint8Array, room?: string): this {
    METHODS.wsBroadcast.call(this, message, room)
    return this
  }

  /**
   * Listens; `listen(port, callback)` too. Resolves with the address when the shards are ready.
   *
   * @throws ShardwsError ALREADY_LISTENING; rejects with the error of `net.Server.listen`.
   */
  listen(port: number, host?: string | (() => void), callback?: () => void): Promise<AddressInfo> {
    return this.#host.listen(port, host, callback, () => findEndpoints(this))
  }

  /** Where it listens, or null. */
  address(): AddressInfo | null {
    return this.#host.address
  }

  /** Closes the WebSockets with 1001, then the HTTP server. */
  close(): Promise<void> {
    return this.#host.close(findEndpoints(this))
  }

  /** By the plugin. */
  onAccepted(request: IncomingMessage): void {
    let open = (): void => {}
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    this.#upgrading.set(request, { opened, open })
    this.#shown.show(request)
  }

  /** By the plugin. */
  onOpened(request: IncomingMessage, socket: WSConnection): void {
    this.#contexts.get(request as Request)?.opened(socket)
    this.#upgrading.get(request)?.open()
  }

  #adaptAll(handlers: readonly ContextHandler[]): RequestHandler[] {
    return handlers.map((handler) => this.#adapt(handler))
  }

  #adapt(handler: ContextHandler): RequestHandler {
    return (req: Request, res: Response, pass: NextFunction) => {
      const next = async (): Promise<void> => {
        this.#work.delete(req)
        pass()
        // An upgrade has no handler of ours behind the middleware: its connection is what comes next.
        await (this.#work.get(req) ?? this.#upgrading.get(req)?.opened)
      }
      const work = this.#run(handler, this.#contextOf(req, res), next, pass)
      this.#work.set(req, work)
    }
  }

  /** Never rejects. */
  async #run(handler: ContextHandler, ctx: WSContext, next: () => Promise<void>, fail: NextFunction): Promise<void> {
    try {
      await handler(ctx, next)
    } catch (error) {
      fail(error)
    }
  }

  #contextOf(req: Request, res: Response): HttpContext {
    const known = this.#contexts.get(req)
    if (known !== undefined) return known
    const context = new HttpContext(this, req, res)
    this.#contexts.set(req, context)
    return context
  }
}
