import type { ServerResponse } from 'node:http'
import type { Health } from '../main/health.ts'
import { answer, type HttpHandler } from '../main/http-handler.ts'
import { memoryUsage } from '../main/memory-usage.ts'
import { type Check, checkOptions, listOf, oneOf } from '../main/option-checks.ts'
import type { Stats } from '../main/stats.ts'
import { ShardwsError } from '../shared/errors.ts'
import { loadPromClient, registryOf } from './exposition.ts'
import type { Reading } from './families.ts'

/** A server that tells its figures: a `WebSocketServer`, `server` of a `WebSocketPlugin`, `websocket` of a Verb server. */
export interface MeasuredServer {
  /** As `WebSocketServer.stats`. */
  stats(): Stats
  /** As `WebSocketServer.health`. */
  health(): Health
}

export type { HttpHandler }

/** A registry of prom-client, as much of it as is needed. */
export interface MetricsRegistry {
  /** The text that Prometheus reads. */
  metrics(): Promise<string>
}

/** What `metricsHandler` answers besides. */
export interface MetricsHandlerOptions {
  /** What follows the server's own figures, such as prom-client's `register`. Names must differ. Default none. */
  readonly registries?: readonly MetricsRegistry[]
}

/** What `healthHandler` answers. */
export interface HealthHandlerOptions {
  /** What decides between 200 and 503. `?live` in the URL asks for `'live'`. Default `'ready'`. */
  readonly probe?: 'ready' | 'live'
}

const METRICS_CHECKS: Readonly<Record<keyof MetricsHandlerOptions, Check>> = {
  registries: listOf(isRegistry, 'an array of registries of prom-client'),
}
const HEALTH_CHECKS: Readonly<Record<keyof HealthHandlerOptions, Check>> = { probe: oneOf('ready', 'live') }

/**
 * Answers with the figures of a server as Prometheus reads them, or of several by name: then each has the label `server`.
 * It reads shared memory, so it answers while the shards are busy.
 *
 * @throws ShardwsError PROM_CLIENT_MISSING, ARGUMENT_INVALID, OPTION_UNKNOWN, OPTION_INVALID
 */
export function metricsHandler(
  servers: MeasuredServer | Readonly<Record<string, MeasuredServer>>,
  options: MetricsHandlerOptions = {},
): HttpHandler {
  checkOptions('options', METRICS_CHECKS, options)
  const byName = namedServers(servers)
  const registries = options.registries ?? []
  const promClient = loadPromClient()
  const expose = async (response: ServerResponse): Promise<void> => {
    const readings = byName.map(([name, server]): [string, Reading] => [
      name,
      { stats: server.stats(), health: server.health() },
    ])
    const own = registryOf(promClient, new Map(readings))
    const texts = await Promise.all([own, ...registries].map((registry) => registry.metrics()))
    answer(response, 200, { 'Content-Type': own.contentType }, texts.join('\n'))
  }
  return (_request, response) => {
    // One of the application's own registries may fail; a scrape that does must not end the process.
    expose(response).catch((error: unknown) =>
      answer(response, 500, { 'Content-Type': 'text/plain; charset=utf-8' }, `${error}\n`),
    )
  }
}

/**
 * Answers with `health()` as JSON: 200 when the server is ready for new connections, otherwise 503. `websocket` has
 * `activeConnections`, `totalRooms`, `uptime` (seconds) and `memoryUsage` (bytes, of the process).
 *
 * @throws ShardwsError ARGUMENT_INVALID, OPTION_UNKNOWN, OPTION_INVALID
 */
export function healthHandler(server: MeasuredServer, options: HealthHandlerOptions = {}): HttpHandler {
  checkOptions('options', HEALTH_CHECKS, options)
  if (!isMeasured(server)) throw new ShardwsError('ARGUMENT_INVALID', 'server must be a WebSocketServer')
  return ({ url = '' }, response) => {
    const health = server.health()
    const { connections: activeConnections, rooms: totalRooms, uptime } = server.stats()
    const websocket = { activeConnections, totalRooms, uptime: uptime / 1000, memoryUsage: memoryUsage() }
    const isLiveness = options.probe === 'live' || asksForLive(url)
    const status = (isLiveness ? health.live : health.ready) ? 200 : 503
    answer(response, status, { 'Content-Type': 'application/json' }, JSON.stringify({ ...health, websocket }))
  }
}

function asksForLive(url: string): boolean {
  const query = url.indexOf('?')
  return query >= 0 && new URLSearchParams(url.slice(query)).has('live')
}

/** @throws ShardwsError ARGUMENT_INVALID */
function namedServers(
  servers: MeasuredServer | Readonly<Record<string, MeasuredServer>>,
): readonly (readonly [string, MeasuredServer])[] {
  if (isMeasured(servers)) return [['', servers]]
  const named = typeof servers === 'object' && servers !== null ? Object.entries(servers) : []
  if (named.length > 0 && named.every(([name, server]) => name !== '' && isMeasured(server))) return named
  throw new ShardwsError('ARGUMENT_INVALID', 'servers must be a WebSocketServer, or an object with several by name')
}

function isMeasured(value: unknown): value is MeasuredServer {
  const server = value as Partial<MeasuredServer> | null | undefined
  return typeof server?.stats === 'function' && typeof server.health === 'function'
}

function isRegistry(value: unknown): boolean {
  return typeof (value as Partial<MetricsRegistry> | null | undefined)?.metrics === 'function'
}
