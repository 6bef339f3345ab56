import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerOptions } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ShutdownReport } from '../../main/shutdown.ts'
import { planShutdown, type ShutdownOptions } from '../../main/shutdown-options.ts'
import type { Stats } from '../../main/stats.ts'
import { ShardwsError } from '../../shared/errors.ts'
import type { BroadcastOptions } from '../../shared/send-options.ts'
import type { WebSocketServer } from '../websocket-server.ts'
import { answerClientErrors, listenerOf } from './http-application.ts'
import { HttpRoutes } from './http-routes.ts'
import { areOnlyHandlers, mergeOptions, shutdownOptionsOf, type VerbOptions } from './options.ts'
import type { PoolStats } from './pool-stats.ts'
import type { ServerProtocol } from './protocol.ts'
import type { VerbSocket } from './verb-socket.ts'
import { VerbSockets } from './verb-sockets.ts'

/** Known to Node from 22 on. Node 20 hands every request with an `Upgrade` header to the engine. */
interface UpgradeAwareOptions extends ServerOptions {
  readonly shouldUpgradeCallback: (request: IncomingMessage) => boolean
}

/** As `broadcast` of the engine; `except` may be a socket of a route too. */
export interface VerbBroadcastOptions extends Omit<BroadcastOptions, 'except'> {
  /** A connection that does not get it, or its id. */
  readonly except?: string | Pick<VerbSocket, 'id'>
}

/** A server of `createServer`: HTTP routes by Express, and WebSocket by the handlers of `withOptions` or by `res.upgrade`. */
export class VerbServer<Data = Record<string, unknown>> extends HttpRoutes {
  #options: VerbOptions<Data> = {}
  #sockets: VerbSockets<Data> | null = null
  #http: Server | null = null
  #isShutDown = false

  /** By `createServer`. @throws ShardwsError EXPRESS_MISSING */
  constructor(protocol: ServerProtocol) {
    super(protocol, () => this.#options.body ?? true)
  }

  /** The engine below, from `listen` on; null before. */
  get websocket(): WebSocketServer<Data> | null {
    return this.#sockets?.server ?? null
  }

  /**
   * Adds options: of two values with the same name the later one counts, in `websocket` and `shutdown` too. Once it listens,
   * only handlers can be exchanged.
   *
   * @throws ShardwsError OPTION_UNKNOWN, OPTION_INVALID, ALREADY_LISTENING
   */
  withOptions(options: VerbOptions<Data>): this {
    const merged = mergeOptions(this.#options, options)
    if (this.#sockets !== null && !areOnlyHandlers(options)) {
      throw new ShardwsError('ALREADY_LISTENING', 'withOptions: after listen only handlers can be exchanged')
    }
    this.#options = merged
    this.#sockets?.setHandlers(merged)
    return this
  }

  /**
   * Starts the shards, listens and resolves with the address. A port given here wins over `withOptions({ port })`.
   *
   * @throws (rejects with) ShardwsError ARGUMENT_INVALID without any port, ALREADY_LISTENING, SERVER_CLOSED, and what `net.Server.listen` and `ready()` reject with.
   */
  async listen(
    port?: number | (() => void),
    host?: string | (() => void),
    callback?: () => void,
  ): Promise<AddressInfo> {
    if (this.#isShutDown) throw new ShardwsError('SERVER_CLOSED')
    if (this.#sockets !== null) throw new ShardwsError('ALREADY_LISTENING')
    const chosen = typeof port === 'number' ? port : this.#options.port
    if (chosen === undefined) {
      throw new ShardwsError('ARGUMENT_INVALID', 'port is missing: listen(3000) or withOptions({ port: 3000 })')
    }
    const application = this.application === null ? null : listenerOf(this.application)
    const sockets = new VerbSockets(this.#options, application)
    this.#sockets = sockets
    try {
      const address = await this.#listenOn(chosen, typeof host === 'string' ? host : this.#options.host)
      for (const each of [port, host, callback]) if (typeof each === 'function') each()
      return address
    } catch (error) {
      this.#sockets = null
      this.#http = null
      await sockets.server.shutdown()
      throw error
    }
  }

  /** Where it listens, or null. */
  address(): AddressInfo | null {
    const http = this.#http?.address() ?? null
    return http === null ? (this.websocket?.address() ?? null) : (http as AddressInfo)
  }

  /** Sends to every open connection. False: a shard was too far behind, or it does not listen. @throws ShardwsError ARGUMENT_INVALID */
  broadcast(message: string | Uint8Array, options: boolean | VerbBroadcastOptions = {}): boolean {
    return this.websocket?.broadcast(message, engineBroadcastOptions(options)) ?? false
  }

  /** Sends to the members of a room. @throws ShardwsError ARGUMENT_INVALID */
  publish(room: string, message: string | Uint8Array, options: boolean | VerbBroadcastOptions = {}): boolean {
    return this.websocket?.publish(room, message, engineBroadcastOptions(options)) ?? false
  }

  /** How many connections there were, are open, and were refused. */
  getStats(): PoolStats {
    return this.#sockets?.poolStats() ?? { total: 0, active: 0, rejected: 0 }
  }

  /** The engine's figures; null before `listen`. */
  stats(): Stats | null {
    return this.websocket?.stats() ?? null
  }

  /**
   * Stops listening and refuses newcomers, sends the notice, waits `graceMs`, closes every connection with 1001 'Server
   * shutdown', and resolves when all are gone or destroyed and every thread has ended. Later calls return the first one's
   * report, null if it never listened. Ending the process is left to the application.
   *
   * Rejects with ShardwsError ARGUMENT_INVALID, OPTION_UNKNOWN.
   */
  async shutdown(options?: ShutdownOptions): Promise<ShutdownReport | null> {
    const asked = shutdownOptionsOf(this.#options, options)
    planShutdown(asked)
    this.#isShutDown = true
    const http = this.#http
    http?.close()
    http?.closeIdleConnections()
    const report = await this.websocket?.shutdown(asked)
    http?.closeAllConnections()
    this.#sockets?.endAnswers()
    return report ?? null
  }

  async #listenOn(port: number, host: string | undefined): Promise<AddressInfo> {
    const { server } = this.#sockets as VerbSockets<Data>
    server.once('draining', () => {
      if (this.websocket === server) void this.shutdown()
    })
    if (this.application === null) return server.listen(port, host)
    answerClientErrors(this.application)
    const http = createServer(UPGRADE_AWARE, this.application)
    this.#http = http
    await server.ready()
    server.attach(http)
    http.listen(port, host)
    await once(http, 'listening')
    return http.address() as AddressInfo
  }
}

/** A request that offers another protocol than WebSocket, as HTTP/2 clients do, is a plain request. */
const UPGRADE_AWARE: UpgradeAwareOptions = {
  shouldUpgradeCallback: ({ headers }) => /(^|,)\s*websocket\s*(,|$)/i.test(headers.upgrade ?? ''),
}

function engineBroadcastOptions(options: boolean | VerbBroadcastOptions): boolean | BroadcastOptions {
  if (typeof options === 'boolean') return options
  const { except, ...rest } = options
  if (except === undefined) return rest
  return { ...rest, except: typeof except === 'string' ? except : except.id }
}
