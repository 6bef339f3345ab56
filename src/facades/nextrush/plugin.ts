import type { WebSocketServerOptions } from '../../main/options.ts'
import type { ShutdownReport } from '../../main/shutdown.ts'
import type { ShutdownOptions } from '../../main/shutdown-options.ts'
import { ShardwsError } from '../../shared/errors.ts'
import type { WebSocketServer } from '../websocket-server.ts'
import { Application } from './application.ts'
import type { WSRoomManager } from './connection.ts'
import { Endpoints } from './endpoints.ts'
import { entranceOf, notAnApplication } from './frameworks.ts'
import { findEndpoints, METHODS, setEndpoints } from './installed.ts'
import { pluginOptions, type WebSocketPluginOptions } from './options.ts'
import { pluginStats, type WebSocketStats } from './stats.ts'

const DEFAULT_PATH = '/ws'

/** WebSocket for an application: of `createApp()`, of Express, Fastify, Koa or Hono, or an `http.Server`. */
export class WebSocketPlugin {
  readonly #options: WebSocketServerOptions
  readonly #paths: readonly string[]
  readonly #stops: (() => void)[] = []
  #endpoints: Endpoints | null = null

  /** @throws ShardwsError OPTION_UNKNOWN, OPTION_INVALID */
  constructor(options: WebSocketPluginOptions = {}) {
    this.#options = pluginOptions(options)
    this.#paths = [options.path ?? DEFAULT_PATH].flat()
  }

  /**
   * Starts the shards and adds `ws`, `wsUse` and `wsBroadcast` to an application, whether that listens already or not. One
   * plugin may serve several applications.
   *
   * @throws ShardwsError ARGUMENT_INVALID
   */
  install(app: object): this {
    assertInstallable(app)
    const enter = entranceOf(app)
    this.#endpoints ??= new Endpoints(this.#options, this.#paths)
    setEndpoints(app, this.#endpoints)
    this.#stops.push(enter(this.#endpoints))
    if (!(app instanceof Application)) Object.assign(app, METHODS)
    return this
  }

  /** The engine, for what the plugin has no method for. @throws ShardwsError WEBSOCKET_NOT_ENABLED before `install` */
  get server(): WebSocketServer<Record<string, unknown>> {
    return this.#installed().server
  }

  /** @throws ShardwsError WEBSOCKET_NOT_ENABLED before `install` */
  get rooms(): WSRoomManager {
    return this.#installed().rooms
  }

  /** Reads shared memory only, so it may be called often. @throws ShardwsError WEBSOCKET_NOT_ENABLED before `install` */
  getStats(): WebSocketStats {
    return pluginStats(this.#installed().server.stats())
  }

  /** Closes every connection with 1001 and ends the shards; the HTTP server goes on. It happens by itself when that closes. */
  async close(options?: ShutdownOptions): Promise<ShutdownReport> {
    for (const stop of this.#stops) stop()
    return this.#installed().close(options)
  }

  #installed(): Endpoints {
    if (this.#endpoints !== null) return this.#endpoints
    throw new ShardwsError(
      'WEBSOCKET_NOT_ENABLED',
      'the WebSocketPlugin is not installed; first call plugin.install(app)',
    )
  }
}

/** @throws ShardwsError ARGUMENT_INVALID for what has WebSocket already, of ours or of somebody else. */
function assertInstallable(app: object): void {
  if ((typeof app !== 'object' && typeof app !== 'function') || app === null) {
    throw notAnApplication()
  }
  if (findEndpoints(app) !== null) {
    throw new ShardwsError('ARGUMENT_INVALID', 'app: a WebSocketPlugin is installed on it already')
  }
  // Ours has the methods from the start, to say what is missing while there is no plugin.
  if (app instanceof Application) return
  const taken = Object.keys(METHODS).find((name) => name in app)
  if (taken !== undefined) throw new ShardwsError('ARGUMENT_INVALID', `app: it has a member '${taken}' already`)
}
