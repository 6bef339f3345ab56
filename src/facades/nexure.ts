import type { WebSocketServerOptions } from '../main/options.ts'
import { WebSocketServer as Server } from './websocket-server.ts'

/** The server of `shardws` with NexureJS' defaults, for code written for it: 16 MiB messages, 120 s idle timeout. */
export class WebSocketServer<Data = unknown> extends Server<Data> {
  constructor(options: WebSocketServerOptions = {}) {
    super(isObject(options) ? withDefaults(options) : options)
  }
}

/** What NexureJS' `WebSocketServer` does when an option is left out; each gives way to its option under either name. */
function withDefaults(options: WebSocketServerOptions): WebSocketServerOptions {
  const defaults: WebSocketServerOptions = {}
  const isGiven = (...names: (keyof WebSocketServerOptions)[]): boolean =>
    names.some((name) => options[name] !== undefined)
  if (!isGiven('maxPayload', 'maxPayloadLength')) defaults.maxPayload = 16 * 1024 * 1024
  if (!isGiven('idleTimeoutMs', 'idleTimeout')) defaults.idleTimeoutMs = 120_000
  if (!isGiven('compression')) defaults.compression = true
  if (!isGiven('maxBackpressure')) defaults.maxBackpressure = 1024 * 1024
  return { ...options, ...defaults }
}

/** What is none is for the server to refuse. */
function isObject(options: unknown): boolean {
  return typeof options === 'object' && options !== null && !Array.isArray(options)
}
