import { Application } from './nextrush/application.ts'
import { hasWebSocketSupport, withWebSocket } from './nextrush/installed.ts'
import { NextRushApp } from './nextrush/next-rush-app.ts'
import { WebSocketPlugin } from './nextrush/plugin.ts'

export type { ContextHandler } from './nextrush/application.ts'
export type {
  WebSocketApplication,
  WSConnection,
  WSHandler,
  WSMiddleware,
  WSRequest,
  WSRoomManager,
} from './nextrush/connection.ts'
export type { Context, WSContext } from './nextrush/context.ts'
export type { AppConnection, AppHandler, NextRushAppEvents } from './nextrush/next-rush-app.ts'
export type { WebSocketOptions, WebSocketPluginOptions } from './nextrush/options.ts'
export type { WebSocketStats } from './nextrush/stats.ts'
export { type Application, hasWebSocketSupport, NextRushApp, WebSocketPlugin, withWebSocket }

/** An application of NextRush v2, on Express 5. @throws ShardwsError EXPRESS_MISSING */
export function createApp(): Application {
  return new Application()
}
