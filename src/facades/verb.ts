import { ReadyState } from '../shared/connection-table.ts'
import { ShardwsError } from '../shared/errors.ts'
import { ServerProtocol } from './verb/protocol.ts'
import { VerbServer } from './verb/verb-server.ts'

export type { VerbMiddleware, VerbRequestHandler, VerbResponse } from './verb/http-application.ts'
export type { VerbHandlers, VerbOptions, VerbWebSocketOptions } from './verb/options.ts'
export type { PoolStats } from './verb/pool-stats.ts'
export type { UpgradeOptions } from './verb/upgrade-attempt.ts'
export type { VerbBroadcastOptions, VerbServer } from './verb/verb-server.ts'
export type { VerbSocket, VerbSocketEvent, VerbSocketEventMap, VerbSocketListener } from './verb/verb-socket.ts'
export { ReadyState, ServerProtocol, ShardwsError }

/**
 * A server as Verb has it: `withOptions` gives it handlers and options, `listen` starts it.
 *
 * @param protocol Default ServerProtocol.HTTP: HTTP routes and WebSocket on one port, by Express 5 (an optional peer dependency).
 * @throws ShardwsError ARGUMENT_INVALID, EXPRESS_MISSING
 */
export function createServer<Data = Record<string, unknown>>(
  protocol: ServerProtocol = ServerProtocol.HTTP,
): VerbServer<Data> {
  if (!Object.values(ServerProtocol).includes(protocol)) {
    throw new ShardwsError(
      'ARGUMENT_INVALID',
      `protocol must be ServerProtocol.HTTP or WEBSOCKET, got ${String(protocol)}`,
    )
  }
  return new VerbServer<Data>(protocol)
}
