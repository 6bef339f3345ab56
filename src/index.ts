export { WebSocketServer } from './facades/websocket-server.ts'
export type { AttachOptions } from './main/attachment.ts'
export type { ComputeOptions } from './main/compute-options.ts'
export type { Compute } from './main/compute-pool.ts'
export type { ComputeStats, Durations } from './main/compute-stats.ts'
export type { ComputeRunOptions } from './main/compute-task.ts'
export type { ConnectionRate, GuardOptions, TrustProxy } from './main/guard-options.ts'
export type { AuthOptions, HandlerOptions } from './main/handler-options.ts'
export type { Health, ShardHealth, ShardState } from './main/health.ts'
export { ipAllow } from './main/ip-allow.ts'
export type { Logger, LogLevel } from './main/logger.ts'
export type { ConnectionQueue } from './main/longest-queues.ts'
export type {
  ClientVerdict,
  CompressionOptions,
  RateLimit,
  VerifyClient,
  WebSocketServerOptions,
} from './main/options.ts'
export type { PlacementFunction, ShardBy, ShardView } from './main/placement.ts'
export type { MemoryReading, MemoryStep } from './main/process-memory.ts'
export type { AutoRebalanceOptions } from './main/rebalance-options.ts'
export type { ActivityOrder, RoomActivity } from './main/room-activity.ts'
export type { Presence, PresenceNotice, Replay, RoomHistory, RoomOptions } from './main/room-options.ts'
export type { RoomsOverview } from './main/rooms.ts'
export type { WebSocketServerEvents } from './main/server-events.ts'
export type { Dropped, ErrorCounts, ShardStats } from './main/shard-stats.ts'
export type { ShutdownReport } from './main/shutdown.ts'
export type { Notice, ShutdownOptions, ShutdownPlan } from './main/shutdown-options.ts'
export type { PerformanceMetrics, Stats } from './main/stats.ts'
export type { ShardEvent } from './main/supervisor.ts'
export type { SecureContextOptions, TlsOptions } from './main/tls-options.ts'
export { type ProtocolToken, tokenFromProtocol } from './main/token-from-protocol.ts'
export type { TopologyReport } from './main/topology.ts'
export type { Traffic } from './main/traffic-rates.ts'
export type { User } from './main/user.ts'
export type { OutboxOptions, UserOptions } from './main/user-options.ts'
export type { UserStats } from './main/users.ts'
export type { Audience } from './shared/audience.ts'
export type { BinaryType } from './shared/binary-type.ts'
export { ReadyState } from './shared/connection-table.ts'
export { type ErrorCode, ShardwsError } from './shared/errors.ts'
export type { Handler, HandlerFunction, Middleware, RouteParams, Verdict } from './shared/handler.ts'
export type { CanJoin } from './shared/joining.ts'
export type { MessageSchema, SchemaIssue, SchemaResult } from './shared/message-validation.ts'
export type { AllowedOrigin } from './shared/origin.ts'
export type {
  Addressee,
  BroadcastOptions,
  CoalesceOptions,
  PublishOptions,
  SendOptions,
} from './shared/send-options.ts'
export type { HandlerServer, Socket } from './shared/socket.ts'
export type { SocketEvent, SocketEventMap, SocketListener } from './shared/socket-events.ts'
export type { UpgradeRequest } from './shared/upgrade-request.ts'
