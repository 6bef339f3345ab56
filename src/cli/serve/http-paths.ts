import { dashboardHandler } from '../../dashboard/dashboard.ts'
import type { WebSocketServer } from '../../facades/websocket-server.ts'
import type { HttpHandler } from '../../main/http-handler.ts'
import { metricsHandler } from '../../metrics/handlers.ts'
import type { ShardwsError } from '../../shared/errors.ts'
import { CommandError } from '../command-error.ts'
import type { ServeOptions } from './serve-options.ts'

/** What answers plain requests to which path. @throws CommandError without the package that `--metrics` needs. */
export function httpPaths(
  { metrics, dashboard }: ServeOptions,
  webSocket: WebSocketServer,
): ReadonlyMap<string, HttpHandler> {
  const paths = new Map<string, HttpHandler>()
  if (metrics !== undefined) paths.set(metrics, metricsOf(webSocket))
  if (dashboard !== undefined) paths.set(dashboard, dashboardHandler(webSocket))
  return paths
}

function metricsOf(webSocket: WebSocketServer): HttpHandler {
  try {
    return metricsHandler(webSocket)
  } catch (error) {
    const { code, message } = error as ShardwsError
    if (code !== 'PROM_CLIENT_MISSING') throw error
    throw new CommandError(
      `--metrics formats its figures with prom-client, which does not come with shardws. ${message}`,
    )
  }
}
