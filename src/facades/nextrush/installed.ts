import { ShardwsError } from '../../shared/errors.ts'
import type { WebSocketApplication } from './connection.ts'
import type { Endpoints } from './endpoints.ts'

const installed = new WeakMap<object, Endpoints>()

/** Gives an application WebSocket. */
export function setEndpoints(app: object, endpoints: Endpoints): void {
  installed.set(app, endpoints)
}

/** Null: no plugin is installed on it. */
export function findEndpoints(app: object): Endpoints | null {
  return installed.get(app) ?? null
}

/** @throws ShardwsError WEBSOCKET_NOT_ENABLED */
export function endpointsOf(app: object): Endpoints {
  const endpoints = installed.get(app)
  if (endpoints !== undefined) return endpoints
  const fix = 'new WebSocketPlugin(options).install(app)'
  throw new ShardwsError('WEBSOCKET_NOT_ENABLED', `WebSocket is not enabled on this application; first call ${fix}`)
}

/** The methods of `WebSocketApplication`, for an application that has none. Their `this` is the application. */
export const METHODS: WebSocketApplication & ThisType<WebSocketApplication> = {
  ws(path, handler) {
    endpointsOf(this).route(path, handler as never)
    return this
  },
  wsUse(middleware) {
    endpointsOf(this).use(middleware)
    return this
  },
  wsBroadcast(message, room) {
    endpointsOf(this).broadcast(message, room)
    return this
  },
}

/** The same application, with a type that has the methods of the plugin. @throws ShardwsError WEBSOCKET_NOT_ENABLED */
export function withWebSocket<App extends object>(app: App): App & WebSocketApplication {
  endpointsOf(app)
  return app as App & WebSocketApplication
}

/** Whether the plugin is installed on an application. */
export function hasWebSocketSupport<App extends object>(app: App): app is App & WebSocketApplication {
  return installed.has(app)
}
