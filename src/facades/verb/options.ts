import { type Check, checkOptions, integer, isBoolean, isFunction, isObject, oneOf } from '../../main/option-checks.ts'
import type { WebSocketServerOptions } from '../../main/options.ts'
import { resolveOptions } from '../../main/resolve-options.ts'
import { planShutdown, type ShutdownOptions } from '../../main/shutdown-options.ts'
import { MAX_SLOTS } from '../../shared/connection-key.ts'
import { ShardwsError } from '../../shared/errors.ts'
import type { VerbSocket } from './verb-socket.ts'

/** What happens to a connection. Functions may be asynchronous; what they throw or reject with arrives at `error`. */
export interface VerbHandlers<Data = Record<string, unknown>> {
  /** Messages wait until its promise settles. */
  open?(ws: VerbSocket<Data>): unknown
  /** Text is a string, binary a Buffer. */
  message?(ws: VerbSocket<Data>, message: string | Buffer, isBinary: boolean): unknown
  /** 1006: it ended without a closing handshake. 1002 'Ping timeout': nothing came from it for `livenessMs`. */
  close?(ws: VerbSocket<Data>, code: number, reason: string): unknown
  /** What went wrong with it; what handlers throw arrives here too. */
  error?(ws: VerbSocket<Data>, error: Error): unknown
  /** The peer's ping; it has been answered. */
  ping?(ws: VerbSocket<Data>, data: Buffer): unknown
  /** The peer has answered a ping, or sent a pong unasked. */
  pong?(ws: VerbSocket<Data>, data: Buffer): unknown
  /** Everything queued has been written, after `send` returned false. */
  drain?(ws: VerbSocket<Data>): unknown
}

/** The engine's options, under Verb's names too, and the handlers. The engine's defaults hold. */
export interface VerbWebSocketOptions<Data = Record<string, unknown>>
  extends VerbHandlers<Data>,
    Omit<WebSocketServerOptions, 'handler' | 'sessions'> {
  /** What `maxBackpressure` does to a slow connection: true closes it with 1013, false refuses the newest message. Default false. */
  closeOnBackpressureLimit?: boolean
  /** Minutes after which a connection is closed with 1001, ± 10 %, 0 to 35791; 0 = never. Default 0. */
  maxLifetime?: number
  /**
   * What one connection more than `maxConnections` meets: HTTP 503 instead of the 101, or the 101 and then close code 1013,
   * which browsers can read. Handlers do not hear of it. Default 'http503'.
   */
  overload?: 'http503' | 'close1013'
}

/** Everything is optional. Calls add up: a later value replaces an earlier one of the same name. */
export interface VerbOptions<Data = Record<string, unknown>> {
  /** Where `listen` listens without a port of its own, 0 to 65535; 0 = any free one. */
  port?: number
  /** Default: all addresses. */
  host?: string
  /** Handlers, options of the engine, and those of Verb. */
  websocket?: VerbWebSocketOptions<Data>
  /** Whether JSON and URL-encoded bodies become `req.body`, and up to which size. Default true, '100kb'. */
  body?: boolean | { readonly limit: number | string }
  /** Whether the first SIGTERM or SIGINT begins a `shutdown` and the second one destroys everything; ending the process is left to it. Default false. */
  handleSignals?: boolean
  /** Defaults of `shutdown`, and what a signal begins. Here `reason` is 'Server shutdown' and `graceMs` with a notice 5000 by default. */
  shutdown?: ShutdownOptions
}

const HANDLERS = ['open', 'message', 'close', 'error', 'ping', 'pong', 'drain'] as const

/** Connections that may be on their way out with 1013 beside the `maxConnections`; further ones get 503. */
const OVERLOADED_AT_ONCE = 128

/** How long clients may react to the notice of a shutdown. */
const GRACE_MS = 5000

const DEFAULT_MAX_CONNECTIONS = 10_000
const LONGEST_LIFETIME_MINUTES = Math.floor((2 ** 31 - 1) / 60_000)

const APP_CHECKS: Readonly<Record<keyof VerbOptions, Check>> = {
  port: integer(0, 65_535),
  host: (value) => (typeof value === 'string' ? null : 'a string'),
  websocket: isObject('an object'),
  body: (value) => (typeof value === 'boolean' || isLimit(value) ? null : 'true, false or an object with a limit'),
  handleSignals: isBoolean,
  shutdown: isObject('an object'),
}

const WEBSOCKET_CHECKS = {
  ...Object.fromEntries(HANDLERS.map((name) => [name, isFunction])),
  closeOnBackpressureLimit: isBoolean,
  maxLifetime: integer(0, LONGEST_LIFETIME_MINUTES),
  overload: oneOf('http503', 'close1013'),
} as Readonly<Record<string, Check>>

/** Later values replace earlier ones, in `websocket` and `shutdown` too. @throws ShardwsError OPTION_UNKNOWN, OPTION_INVALID */
export function mergeOptions<Data>(earlier: VerbOptions<Data>, later: VerbOptions<Data>): VerbOptions<Data> {
  checkOptions('options', APP_CHECKS, later)
  const merged = { ...earlier, ...given(later) }
  if (later.shutdown !== undefined) {
    merged.shutdown = { ...earlier.shutdown, ...given(later.shutdown) }
    planShutdown(shutdownOptionsOf(merged), 'options.shutdown', 'OPTION_INVALID')
  }
  if (later.websocket !== undefined) {
    merged.websocket = { ...earlier.websocket, ...given(later.websocket) }
    resolveOptions(engineOptionsOf(merged.websocket))
  }
  return merged
}

/** The handlers among `options`; null if there are none. */
export function handlersOf<Data>(options: VerbWebSocketOptions<Data> = {}): VerbHandlers<Data> | null {
  const handlers = Object.fromEntries(
    HANDLERS.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
  )
  return Object.keys(handlers).length === 0 ? null : (handlers as VerbHandlers<Data>)
}

/** Whether all of `options` are handlers, which may be exchanged at any time. */
export function areOnlyHandlers({ websocket = {}, ...rest }: VerbOptions<never>): boolean {
  return Object.keys(rest).length === 0 && Object.keys(websocket).every((name) => HANDLERS.includes(name as 'open'))
}

/** As Verb's document has it: a notice, five seconds to react, and 1001 'Server shutdown'. */
export function shutdownOptionsOf({ shutdown }: VerbOptions<never>, options: ShutdownOptions = {}): ShutdownOptions {
  const merged = { reason: 'Server shutdown', ...shutdown, ...options }
  return merged.notice === undefined ? merged : { graceMs: GRACE_MS, ...merged }
}

/** How many connections the handlers may have at a time. */
export function maxAdmitted({ maxConnections = DEFAULT_MAX_CONNECTIONS }: WebSocketServerOptions): number {
  return maxConnections
}

/** In the engine's own names and units. @throws ShardwsError OPTION_UNKNOWN, OPTION_INVALID */
export function engineOptionsOf<Data>(options: VerbWebSocketOptions<Data> = {}): WebSocketServerOptions {
  const own = Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(WEBSOCKET_CHECKS, name)))
  checkOptions('options.websocket', WEBSOCKET_CHECKS, own)
  if (Object.hasOwn(options, 'handler')) {
    throw new ShardwsError(
      'OPTION_UNKNOWN',
      'options.websocket.handler is unknown: give open, message, close … themselves; modules for the shards are for WebSocketServer',
    )
  }
  if (Object.hasOwn(options, 'sessions')) {
    throw new ShardwsError(
      'OPTION_UNKNOWN',
      'options.websocket.sessions is unknown: ws.data is made anew for each handshake; sessions are for WebSocketServer',
    )
  }
  const engine: WebSocketServerOptions = Object.fromEntries(
    Object.entries(options).filter(([name]) => !Object.hasOwn(WEBSOCKET_CHECKS, name)),
  )
  const { closeOnBackpressureLimit, maxLifetime, overload } = options
  if (closeOnBackpressureLimit !== undefined) {
    rejectBoth(engine.slowConsumer, 'closeOnBackpressureLimit', 'slowConsumer')
    engine.slowConsumer = closeOnBackpressureLimit ? 'close' : 'drop'
  }
  if (maxLifetime !== undefined) {
    rejectBoth(engine.maxLifetimeMs, 'maxLifetime', 'maxLifetimeMs')
    engine.maxLifetimeMs = maxLifetime * 60_000
  }
  if (overload === 'close1013') {
    const most = maxAdmitted(engine)
    if (Number.isInteger(most)) engine.maxConnections = Math.min(most + OVERLOADED_AT_ONCE, MAX_SLOTS)
  }
  return engine
}

function rejectBoth(value: unknown, name: string, other: string): void {
  if (value === undefined) return
  throw new ShardwsError(
    'OPTION_INVALID',
    `options.websocket.${name} is another name of options.websocket.${other}; give only one`,
  )
}

function isLimit(value: unknown): boolean {
  const limit = (value as { limit?: unknown } | null)?.limit
  return typeof limit === 'string' || (Number.isInteger(limit) && (limit as number) > 0)
}

/** Without what is undefined: an option that is left out keeps what it was. */
function given<Options extends object>(options: Options): Options {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Options
}
