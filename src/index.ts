export {
  type BroadcastOptions,
  WebSocketServer,
  type WebSocketServerEvents,
} from './facades/websocket-server.ts'
export type { AttachOptions } from './main/attachment.ts'
export type { ShutdownOptions, ShutdownReport } from './main/engine.ts'
export type { Logger, LogLevel } from './main/logger.ts'
export type {
  AllowedOrigin,
  CompressionOptions,
  Verdict,
  VerifyClient,
  WebSocketServerOptions,
} from './main/options.ts'
export type { Peer, SendOptions } from './main/peer.ts'
export type { PerformanceMetrics, Stats } from './main/stats.ts'
export type { ShardEvent } from './main/supervisor.ts'
export type { UpgradeRequest } from './main/upgrade-request.ts'
export { ReadyState } from './shared/connection-table.ts'
export { type ErrorCode, ShardwsError } from './shared/errors.ts'
