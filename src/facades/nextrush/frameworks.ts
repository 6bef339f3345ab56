import type { IncomingMessage, Server } from 'node:http'
import { ShardwsError } from '../../shared/errors.ts'
import { Application } from './application.ts'
import type { Endpoints, UpgradeObserver } from './endpoints.ts'
import { isHttpServer, searchServer, type Tap } from './server-search.ts'

type Method = (...args: unknown[]) => unknown

/** What an application of some framework may have; each is looked at before it is used. */
interface Foreign {
  readonly server?: unknown
  handle?: unknown
  handleRequest?: unknown
  callback?: unknown
  getPath?: unknown
  fetch?: unknown
  listen?: unknown
  addHook?: unknown
}

/** What a request that was not theirs after all is answered with inside of the framework; nobody sees it. */
const NOT_YOURS = new Error('a WebSocket upgrade')

/** Serves endpoints on the HTTP server of an application. Returns how to stop looking for that. */
export type Entrance = (endpoints: Endpoints) => () => void

/**
 * How to reach the HTTP server of an application, whenever that listens: of an `http.Server`, of what has one as `server`
 * (Fastify, ours), of Express, Koa, Hono on @hono/node-server, or of what has a `listen` that returns one.
 *
 * @throws ShardwsError ARGUMENT_INVALID
 */
export function entranceOf(app: object): Entrance {
  if (isHttpServer(app)) return attachTo(app)
  if (app instanceof Application) return attachTo(app.server, app)
  const { server, addHook, listen } = app as Foreign
  if (isHttpServer(server)) {
    return (endpoints) => {
      // Fastify waits for its connections before its server closes; those of `shards: 0` would be among them.
      if (isMethod(addHook)) closeWith(app, addHook, endpoints)
      return attachTo(server)(endpoints)
    }
  }
  const tap = tapOf(app)
  if (tap !== null) {
    return (endpoints) =>
      searchServer(
        tap,
        (found) => endpoints.attach(found),
        (request, socket, head) => endpoints.accept(request, socket, head),
      )
  }
  if (!isMethod(listen)) throw notAnApplication()
  return (endpoints) =>
    replace(app, 'listen', (...args) => {
      const listening: unknown = Reflect.apply(listen, app, args)
      if (isHttpServer(listening)) endpoints.attach(listening)
      return listening
    })
}

function attachTo(server: Server, observer: UpgradeObserver | null = null): Entrance {
  return (endpoints) => {
    endpoints.attach(server, observer)
    return () => {}
  }
}

/** How to see the requests of an application before it does; null: it is none that we know. */
function tapOf(app: Foreign): Tap | null {
  const { handle, handleRequest, callback, getPath, fetch } = app
  if (typeof app === 'function' && isMethod(handle)) {
    return (onRequest) =>
      replace(app, 'handle', (...args) => {
        if (!onRequest(args[0] as IncomingMessage)) Reflect.apply(handle, app, args)
      })
  }
  if (isMethod(callback) && isMethod(handleRequest)) {
    return (onRequest) =>
      replace(app, 'handleRequest', (...args) => {
        const [{ req }] = args as [{ req: IncomingMessage }]
        return onRequest(req) ? Promise.resolve() : Reflect.apply(handleRequest, app, args)
      })
  }
  if (isMethod(fetch) && isMethod(getPath)) {
    return (onRequest) =>
      replace(app, 'getPath', (...args) => {
        const [, { env }] = args as [unknown, { env?: { incoming?: IncomingMessage } }]
        if (env?.incoming !== undefined && onRequest(env.incoming)) throw NOT_YOURS
        return Reflect.apply(getPath, app, args)
      })
  }
  return null
}

/** Returns how to put back what was there, unless somebody else has replaced it since. */
function replace(app: Foreign, name: keyof Foreign, method: Method): () => void {
  const own = Object.getOwnPropertyDescriptor(app, name)
  Object.defineProperty(app, name, { value: method, configurable: true, writable: true, enumerable: own !== undefined })
  return () => {
    if (app[name] !== method) return
    if (own === undefined) delete (app as { [key: string]: unknown })[name]
    else Object.defineProperty(app, name, own)
  }
}

function closeWith(app: object, addHook: Method, endpoints: Endpoints): void {
  try {
    Reflect.apply(addHook, app, ['preClose', async () => void (await endpoints.close())])
  } catch {
    // It listens already and takes no hooks any more: its server's own 'close' is left.
  }
}

function isMethod(value: unknown): value is Method {
  return typeof value === 'function'
}

export function notAnApplication(): ShardwsError {
  const known = 'an http.Server, or an application of createApp(), Express, Fastify, Koa or Hono'
  return new ShardwsError('ARGUMENT_INVALID', `app must be ${known}`)
}
