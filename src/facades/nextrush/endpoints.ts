import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ClientVerdict, VerifyClient, WebSocketServerOptions } from '../../main/options.ts'
import type { ShutdownReport } from '../../main/shutdown.ts'
import type { ShutdownOptions } from '../../main/shutdown-options.ts'
import { ShardwsError } from '../../shared/errors.ts'
import type { Middleware } from '../../shared/handler.ts'
import { WebSocketServer } from '../websocket-server.ts'
import type { WSConnection, WSHandler, WSMiddleware, WSRoomManager } from './connection.ts'
import { Requests } from './requests.ts'

/** A path that the engine takes connections to. */
interface Endpoint {
  /** Null: it is one of the option `path`, and nobody has given it a handler. */
  handler: WSHandler | null
}

/** Who else wants to know of the upgrades on one HTTP server. */
export interface UpgradeObserver {
  /** `verifyClient` has accepted it. */
  onAccepted(request: IncomingMessage): void
  onOpened(request: IncomingMessage, socket: WSConnection): void
}

/** The WebSocket side of an application: an engine that answers to the paths of its endpoints, on any number of HTTP servers. */
export class Endpoints {
  readonly server: WebSocketServer<Record<string, unknown>>
  readonly rooms: WSRoomManager
  readonly requests = new Requests()
  readonly #endpoints = new Map<string, Endpoint>()
  /** Those of the option `path` that are no endpoints yet: until somebody connects, a module may still take them. */
  readonly #paths: Set<string>
  readonly #httpServers = new Map<Server, UpgradeObserver | null>()

  /** Starts the shards. `paths` take connections without a handler too. @throws ShardwsError ARGUMENT_INVALID */
  constructor(options: WebSocketServerOptions, paths: readonly string[] = []) {
    this.server = new WebSocketServer({ ...options, verifyClient: this.#noting(options.verifyClient) })
    this.server.on('connection', (id, request) => {
      const socket = this.server.getConnection(id)
      if (socket === undefined) return
      const message = this.requests.opened(socket, request)
      this.#observerOf(message)?.onOpened(message, socket)
    })
    this.rooms = roomsOf(this.server)
    this.#paths = new Set(paths)
  }

  /** A module is for the shards: what they handle, main only hears of. @throws ShardwsError ARGUMENT_INVALID */
  route(path: string, handler: WSHandler | URL): void {
    if (handler instanceof URL) return this.#routeToModule(path, handler)
    if (typeof handler !== 'function') {
      throw new ShardwsError('ARGUMENT_INVALID', 'handler must be a function, or the URL of a module for the shards')
    }
    const endpoint = this.#endpoint(path)
    if (endpoint.handler !== null) throw taken(path)
    endpoint.handler = handler
  }

  /** @throws ShardwsError ARGUMENT_INVALID */
  use(middleware: WSMiddleware): void {
    if (typeof middleware !== 'function') throw new ShardwsError('ARGUMENT_INVALID', 'middleware must be a function')
    const adapted: Middleware<Record<string, unknown>> = (socket, request, next) =>
      middleware(socket, this.requests.of(request), next)
    this.server.use(adapted)
  }

  /** @throws ShardwsError ARGUMENT_INVALID */
  broadcast(message: string | Uint8Array, room: string | undefined): void {
    if (room === undefined) this.server.broadcast(message)
    else this.server.publish(room, message)
  }

  /** Takes the upgrades to the endpoints; when the last of its HTTP servers has closed, the engine ends. */
  attach(httpServer: Server, observer: UpgradeObserver | null = null): void {
    if (this.#httpServers.has(httpServer)) return
    this.#httpServers.set(httpServer, observer)
    this.server.attach(httpServer, { path: [] })
    httpServer.prependOnceListener('upgrade', () => this.#openPaths())
    httpServer.once('close', () => {
      this.#httpServers.delete(httpServer)
      if (this.#httpServers.size === 0) void this.close()
    })
  }

  /** Takes one upgrade of an HTTP server that is only just known. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#openPaths()
    this.server.handleUpgrade(request, socket, head)
  }

  close(options?: ShutdownOptions): Promise<ShutdownReport> {
    return this.server.shutdown(options)
  }

  #routeToModule(path: string, module: URL): void {
    if (this.#endpoints.has(asPattern(path))) throw taken(path)
    this.server.route(path, module)
    this.#endpoints.set(asPattern(path), { handler: () => {} })
  }

  #openPaths(): void {
    for (const path of this.#paths) this.#endpoint(path)
    this.#paths.clear()
  }

  /** Paths are endpoints once: the handler may come long after the option `path`. */
  #endpoint(given: string): Endpoint {
    const path = asPattern(given)
    const known = this.#endpoints.get(path)
    if (known !== undefined) return known
    const endpoint: Endpoint = { handler: null }
    this.server.route(path, (socket, request) => {
      const message = this.requests.take(request)
      return endpoint.handler?.(socket, message)
    })
    this.#endpoints.set(path, endpoint)
    return endpoint
  }

  #noting(verifyClient: VerifyClient = () => true): VerifyClient {
    return async (request) => {
      const verdict = await verifyClient(request)
      if (isAccepted(verdict)) {
        this.requests.note(request)
        this.#observerOf(request)?.onAccepted(request)
      }
      return verdict
    }
  }

  #observerOf({ socket }: IncomingMessage): UpgradeObserver | null {
    const { server } = socket as typeof socket & { server?: Server }
    return (server !== undefined && this.#httpServers.get(server)) || null
  }
}

function asPattern(path: string): string {
  return path === '*' ? '/*' : path
}

function taken(path: string): ShardwsError {
  return new ShardwsError('ARGUMENT_INVALID', `path: '${path}' has a handler already`)
}

/** As the engine judges it. */
function isAccepted(verdict: unknown): boolean {
  if (typeof verdict !== 'object' || verdict === null) return verdict === true
  const { accept, status, answered } = verdict as ClientVerdict
  return answered !== true && (accept ?? status === undefined)
}

function roomsOf(server: WebSocketServer<Record<string, unknown>>): WSRoomManager {
  const idOf = (socket: WSConnection | string): string => (typeof socket === 'string' ? socket : socket.id)
  return {
    join: (socket, room) => server.join(idOf(socket), room),
    leave: (socket, room) => server.leave(idOf(socket), room),
    broadcast: (room, message, options) => server.publish(room, message, options),
    size: (room) => server.rooms.size(room),
    list: () => server.rooms.list(),
    has: (room) => server.rooms.size(room) > 0,
  }
}
