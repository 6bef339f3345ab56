import { WebSocketPlugin as Plugin } from './nextrush/plugin.ts'
import { createApp, hasWebSocketSupport, type WebSocketPluginOptions, withWebSocket } from './nextrush.ts'

export type {
  Application,
  Context,
  ContextHandler,
  WebSocketApplication,
  WebSocketPluginOptions,
  WebSocketStats,
  WSConnection,
  WSContext,
  WSHandler,
  WSMiddleware,
  WSRequest,
  WSRoomManager,
} from './nextrush.ts'
export { createApp, hasWebSocketSupport, withWebSocket }

/** The plugin of `shardws/nextrush` with the defaults of NextRush v2's overview: 1000 connections, 16 MiB, 60 s. */
export class WebSocketPlugin extends Plugin {
  constructor(options: WebSocketPluginOptions = {}) {
    super(withDefaults(options))
  }
}

/** Each gives way to its option under either name. What is no object is for the plugin to refuse. */
function withDefaults(options: WebSocketPluginOptions): WebSocketPluginOptions {
  if (typeof options !== 'object' || options === null) return options
  const defaults: WebSocketPluginOptions = {}
  const isGiven = (...names: (keyof WebSocketPluginOptions)[]): boolean =>
    names.some((name) => options[name] !== undefined)
  if (!isGiven('maxConnections')) defaults.maxConnections = 1000
  if (!isGiven('maxMessageSize', 'maxPayload', 'maxPayloadLength')) defaults.maxMessageSize = 16 * 1024 * 1024
  if (!isGiven('pongTimeoutMs', 'livenessMs')) defaults.pongTimeoutMs = 60_000
  return { ...options, ...defaults }
}
