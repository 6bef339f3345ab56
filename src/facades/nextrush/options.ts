import { type Check, checkOptions, integer, listOf } from '../../main/option-checks.ts'
import type { WebSocketServerOptions } from '../../main/options.ts'
import { OPTION_NAMES, resolveOptions } from '../../main/resolve-options.ts'
import { ShardwsError } from '../../shared/errors.ts'

const LONGEST_MS = 2 ** 31 - 1
const INT32_MAX = 2 ** 31 - 1
const DEFLATE = 'permessage-deflate'

/** Options of `NextRushApp.enableWebSocket`: NextRush v1's names and defaults, and every option of `WebSocketServer`. */
export interface WebSocketOptions extends WebSocketServerOptions {
  /** Default 1000. */
  maxConnections?: number
  /** Milliseconds between pings, 0 to 2^31 - 1; 0 = no pings. Default 30000. */
  pingInterval?: number
  /** Milliseconds after a ping in which the peer must be heard, 1 to 2^31 - 1; then it is destroyed (1006). Default 5000. */
  pongTimeout?: number
  /** Largest message in bytes, 1 to 2^31 - 1; a larger one closes with 1009. Default 1 MiB. */
  maxMessageSize?: number
  /** Extensions that may be agreed on; only 'permessage-deflate' is known, and naming it switches `compression` on unless that is given. */
  extensions?: readonly string[]
  /** Rooms at a time; a join that would make one more returns false. Default 1000. */
  maxRooms?: number
  /** Milliseconds, 0 to 2^31 - 1. Taken and not needed: a room goes with its last member. */
  roomCleanupInterval?: number
}

/** Options of `WebSocketPlugin`: NextRush v2's names and defaults, and every option of `WebSocketServer`. */
export interface WebSocketPluginOptions extends WebSocketServerOptions {
  /** Paths that take connections although they have no handler; `*` as the last segment is whatever follows. Default '/ws'. */
  path?: string | readonly string[]
  /** Milliseconds between pings, 0 to 2^31 - 1; 0 = no pings and no `pongTimeoutMs`. Default 30000. */
  heartbeatMs?: number
  /**
   * Milliseconds without any byte from the peer after which it is destroyed (1006), 1 to 2^31 - 1. If it is not longer than
   * `heartbeatMs` it counts from the ping: a peer that only answers pings is not heard more often. Default 45000.
   */
  pongTimeoutMs?: number
  /** Largest message in bytes, 1 to 2^31 - 1; a larger one closes with 1009. Default 1 MiB. */
  maxMessageSize?: number
}

type Canonical = { -readonly [Name in keyof WebSocketServerOptions]: WebSocketServerOptions[Name] }

const APP_CHECKS = {
  pingInterval: integer(0, LONGEST_MS),
  pongTimeout: integer(1, LONGEST_MS),
  maxMessageSize: integer(1, INT32_MAX),
  extensions: listOf((value) => value === DEFLATE, `an array of extensions; '${DEFLATE}' is the only one there is`),
  roomCleanupInterval: integer(0, LONGEST_MS),
} satisfies Record<string, Check>

const PLUGIN_CHECKS = {
  path: (value) => ([value].flat().every(isPath) ? null : `a path that begins with '/', or an array of such`),
  heartbeatMs: integer(0, LONGEST_MS),
  pongTimeoutMs: integer(1, LONGEST_MS),
  maxMessageSize: integer(1, INT32_MAX),
} satisfies Record<string, Check>

/** What NextRush v1's options mean for the engine. @throws ShardwsError OPTION_UNKNOWN, OPTION_INVALID */
export function appOptions(given: WebSocketOptions = {}): WebSocketServerOptions {
  check(APP_CHECKS, given)
  const { pingInterval, pongTimeout, maxMessageSize, extensions, roomCleanupInterval: _, ...canonical } = given
  const options: Canonical = { maxConnections: 1000, maxRooms: 1000, ...defined(canonical) }
  if (extensions !== undefined) options.compression = extensions.length > 0 && (given.compression ?? true)
  rename(options, 'maxPayload', 'maxMessageSize', maxMessageSize)
  rename(options, 'pingIntervalMs', 'pingInterval', pingInterval)
  const { pingIntervalMs = 30_000 } = options
  const livenessMs = pongTimeout === undefined ? undefined : pingIntervalMs + pongTimeout
  rename(options, 'livenessMs', 'pongTimeout', livenessMs)
  options.livenessMs ??= pingIntervalMs + 5000
  return checked(options)
}

/** What NextRush v2's options mean for the engine. @throws ShardwsError OPTION_UNKNOWN, OPTION_INVALID */
export function pluginOptions(given: WebSocketPluginOptions = {}): WebSocketServerOptions {
  check(PLUGIN_CHECKS, given)
  const { path: _, heartbeatMs, pongTimeoutMs, maxMessageSize, ...canonical } = given
  const options: Canonical = defined(canonical)
  rename(options, 'maxPayload', 'maxMessageSize', maxMessageSize)
  rename(options, 'pingIntervalMs', 'heartbeatMs', heartbeatMs)
  const { pingIntervalMs = 30_000 } = options
  const fromPing = pongTimeoutMs !== undefined && pongTimeoutMs <= pingIntervalMs
  rename(options, 'livenessMs', 'pongTimeoutMs', fromPing ? pingIntervalMs + pongTimeoutMs : pongTimeoutMs)
  return checked(options)
}

/** The engine's own options are for the engine to check, but a misspelt one may be near to any name. */
function check(checks: Readonly<Record<string, Check>>, given: object): void {
  const others = Object.fromEntries(OPTION_NAMES.map((name): [string, Check] => [name, () => null]))
  checkOptions('options', { ...others, ...checks }, given)
}

function rename<Name extends keyof Canonical>(
  options: Canonical,
  name: Name,
  alias: string,
  value: Canonical[Name],
): void {
  if (value === undefined) return
  if (options[name] !== undefined) {
    throw new ShardwsError('OPTION_INVALID', `options.${alias} is another name of options.${name}; give only one`)
  }
  options[name] = value
}

/** The engine is made later, but what is wrong with its options is told at once. */
function checked(options: WebSocketServerOptions): WebSocketServerOptions {
  resolveOptions(options)
  return options
}

/** An option that is undefined has its default. */
function defined(options: WebSocketServerOptions): Canonical {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

function isPath(path: unknown): boolean {
  return typeof path === 'string' && (path === '*' || path.startsWith('/'))
}
