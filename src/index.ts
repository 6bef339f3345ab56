export { WebSocketServer } from './facades/websocket-server.ts'
export type { AttachOptions } from './main/attachment.ts'
export type { ComputeOptions } from './main/compute-options.ts'
export type { Compute } from './main/compute-pool.ts'
export type { ComputeStats, Durations } from './main/compute-stats.ts'
export type { ComputeRunOptions } from './main/compute-task.ts'
export type { ConnectionRate, GuardOptions, TrustProxy } from './main/guard-options.ts'
export type { Health, ShardHealth, ShardState } from './main/health.ts'
export type { Logger, LogLevel } from './main/logger.ts'
export type { MessageSchema, SchemaIssue, SchemaResult } from './main/message-validation.ts'
export type {
  AllowedOrigin,
  CanJoin,
  CompressionOptions,
  RateLimit,
  Verdict,
  VerifyClient,
  WebSocketServerOptions,
} from './main/options.ts'
export type { BroadcastOptions, Peer, Peer as Socket, SendOptions } from './main/peer.ts'
export type { PlacementFunction, ShardBy, ShardView } from './main/placement.ts'
export type { RoomsOverview } from './main/rooms.ts'
export type { Middleware, RouteFunction, RouteHandler, RouteParams } from './main/routes.ts'
export type { WebSocketServerEvents } from './main/server-events.ts'
export type { ShutdownReport } from './main/shutdown.ts'
export type { Notice, ShutdownOptions, ShutdownPlan } from './main/shutdown-options.ts'
export type { SocketEvent, SocketEventMap, SocketListener } from './main/socket-events.ts'
export type { PerformanceMetrics, ShardStats, Stats } from './main/stats.ts'
export type { ShardEvent } from './main/supervisor.ts'
export type { UpgradeRequest } from './main/upgrade-request.ts'
export { ReadyState } from './shared/connection-table.ts'
export { type ErrorCode, ShardwsError } from './shared/errors.ts'
