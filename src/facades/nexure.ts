import type { WebSocketServerOptions } from '../main/options.ts'
import { WebSocketServer as Server } from './websocket-server.ts'

/** What NexureJS' `WebSocketServer` does when an option is left out; sizes in bytes, times in seconds. */
const NEXURE_DEFAULTS = {
  maxPayloadLength: 16 * 1024 * 1024,
  idleTimeout: 120,
  compression: true,
  maxBackpressure: 1024 * 1024,
} as const satisfies WebSocketServerOptions

/** The server of `shardws` with NexureJS' defaults, for code written for it: 16 MiB messages, 120 s idle timeout. */
export class WebSocketServer<Data = unknown> extends Server<Data> {
  constructor(options: WebSocketServerOptions = {}) {
    super(withDefaults(options))
  }
}

/** A default gives way to its option under either name. */
function withDefaults(options: WebSocketServerOptions): WebSocketServerOptions {
  const { maxPayloadLength, idleTimeout, ...others } = NEXURE_DEFAULTS
  return {
    ...others,
    ...(options.maxPayload === undefined ? { maxPayloadLength } : {}),
    ...(options.idleTimeoutMs === undefined ? { idleTimeout } : {}),
    ...options,
  }
}
