import type { Health } from '../main/health.ts'
import type { ConnectionQueue } from '../main/longest-queues.ts'
import type { RoomsOverview } from '../main/rooms.ts'
import type { ShutdownReport } from '../main/shutdown.ts'
import type { ShutdownOptions } from '../main/shutdown-options.ts'
import type { Stats } from '../main/stats.ts'
import type { TopologyReport } from '../main/topology.ts'

/** What a dashboard shows: a `WebSocketServer`, `server` of a `WebSocketPlugin`, `websocket` of a Verb server. */
export interface WatchedServer {
  /** As `WebSocketServer.rooms`. */
  readonly rooms: Pick<RoomsOverview, 'activity'>
  /** As `WebSocketServer.stats`. */
  stats(): Stats
  /** As `WebSocketServer.health`. */
  health(): Health
  /** As `WebSocketServer.longestQueues`. */
  longestQueues(top?: number): readonly ConnectionQueue[]
  /** As `WebSocketServer.reload`. */
  reload(): Promise<TopologyReport>
  /** As `WebSocketServer.resize`. */
  resize(shards: number): Promise<TopologyReport>
  /** As `WebSocketServer.shutdown`. */
  shutdown(options?: ShutdownOptions): Promise<ShutdownReport>
}

const METHODS = ['stats', 'health', 'longestQueues', 'reload', 'resize', 'shutdown'] as const

export function isWatchedServer(value: unknown): value is WatchedServer {
  const server = value as Partial<WatchedServer> | null | undefined
  return METHODS.every((name) => typeof server?.[name] === 'function') && typeof server?.rooms?.activity === 'function'
}
