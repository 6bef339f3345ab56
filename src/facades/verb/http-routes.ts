import type { Application } from 'express'
import { ShardwsError } from '../../shared/errors.ts'
import {
  type BodyOption,
  createHttpApplication,
  observed,
  type VerbMiddleware,
  type VerbRequestHandler,
} from './http-application.ts'
import { ServerProtocol } from './protocol.ts'

/** As Express understands it. */
export type RoutePath = string | RegExp | readonly (string | RegExp)[]

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete' | 'all'

/** The HTTP side of a server: Express's methods for routes. Those of a server of WebSocket only throw ARGUMENT_INVALID. */
export abstract class HttpRoutes {
  /** Whether it serves HTTP and WebSocket, or WebSocket only. */
  readonly protocol: ServerProtocol
  readonly #application: Application | null

  /** @throws ShardwsError EXPRESS_MISSING */
  constructor(protocol: ServerProtocol, bodyOption: () => BodyOption) {
    this.protocol = protocol
    this.#application = protocol === ServerProtocol.HTTP ? createHttpApplication(bodyOption) : null
  }

  /** The Express application, for whatever is not spelled here. @throws ShardwsError ARGUMENT_INVALID */
  get express(): Application {
    if (this.#application !== null) return this.#application
    throw new ShardwsError(
      'ARGUMENT_INVALID',
      'a server of ServerProtocol.WEBSOCKET has no HTTP routes; use createServer()',
    )
  }

  protected get application(): Application | null {
    return this.#application
  }

  /** Also serves upgrade requests to `path`: a handler takes them with `res.upgrade()`. */
  get(path: RoutePath, ...handlers: VerbRequestHandler[]): this
  get(path: RoutePath, ...handlers: VerbMiddleware[]): this
  get(path: RoutePath, ...handlers: unknown[]): this {
    return this.#add('get', path, handlers)
  }

  /** Serves POST requests to a path, as Express does. */
  post(path: RoutePath, ...handlers: VerbRequestHandler[]): this
  post(path: RoutePath, ...handlers: VerbMiddleware[]): this
  post(path: RoutePath, ...handlers: unknown[]): this {
    return this.#add('post', path, handlers)
  }

  /** Serves PUT requests to a path, as Express does. */
  put(path: RoutePath, ...handlers: VerbRequestHandler[]): this
  put(path: RoutePath, ...handlers: VerbMiddleware[]): this
  put(path: RoutePath, ...handlers: unknown[]): this {
    return this.#add('put', path, handlers)
  }

  /** Serves PATCH requests to a path, as Express does. */
  patch(path: RoutePath, ...handlers: VerbRequestHandler[]): this
  patch(path: RoutePath, ...handlers: VerbMiddleware[]): this
  patch(path: RoutePath, ...handlers: unknown[]): this {
    return this.#add('patch', path, handlers)
  }

  /** Serves DELETE requests to a path, as Express does. */
  delete(path: RoutePath, ...handlers: VerbRequestHandler[]): this
  delete(path: RoutePath, ...handlers: VerbMiddleware[]): this
  delete(path: RoutePath, ...handlers: unknown[]): this {
    return this.#add('delete', path, handlers)
  }

  /** Serves requests of every method to a path, as Express does. */
  all(path: RoutePath, ...handlers: VerbRequestHandler[]): this
  all(path: RoutePath, ...handlers: VerbMiddleware[]): this
  all(path: RoutePath, ...handlers: unknown[]): this {
    return this.#add('all', path, handlers)
  }

  /** Middleware, which sees upgrade requests too. */
  use(...handlers: VerbRequestHandler[]): this
  use(path: RoutePath, ...handlers: VerbRequestHandler[]): this
  use(...handlers: VerbMiddleware[]): this
  use(path: RoutePath, ...handlers: VerbMiddleware[]): this
  use(...args: unknown[]): this {
    Reflect.apply(this.express.use, this.express, args.map(observeFunction))
    return this
  }

  #add(method: Method, path: RoutePath, handlers: readonly unknown[]): this {
    Reflect.apply(this.express[method], this.express, [path, ...handlers.map(observeFunction)])
    return this
  }
}

function observeFunction(handler: unknown): unknown {
  return typeof handler === 'function' ? observed(handler as VerbMiddleware) : handler
}
