import { dashboardHandler } from '../../dashboard/dashboard.ts'
import type { WebSocketServer } from '../../facades/websocket-server.ts'
import type { HttpHandler } from '../../main/http-handler.ts'
import { metricsHandler } from '../../metrics/handlers.ts'
import type { ServeOptions } from './serve-options.ts'

/** What answers plain requests to which path. @throws ShardwsError PROM_CLIENT_MISSING */
export function httpPaths(
  { metrics, dashboard }: ServeOptions,
  webSocket: WebSocketServer,
): ReadonlyMap<string, HttpHandler> {
  const paths = new Map<string, HttpHandler>()
  if (metrics !== undefined) paths.set(metrics, metricsHandler(webSocket))
  if (dashboard !== undefined) paths.set(dashboard, dashboardHandler(webSocket))
  return paths
}
