import { availableParallelism } from 'node:os'
import { checkHandler } from '../shared/as-handler.ts'
import { MAX_SLOTS } from '../shared/connection-key.ts'
import { ShardwsError } from '../shared/errors.ts'
import type { RateLimitOptions } from '../shared/messages.ts'
import { isToken } from '../shared/protocol/tokens.ts'
import { deflatePolicyOf, resolveCompression } from './compression-options.ts'
import { resolveCompute } from './compute-options.ts'
import { GUARD_CHECKS, resolveGuards } from './guard-options.ts'
import { assertModulesPossible } from './handler-modules.ts'
import { HANDLER_CHECKS, resolveHandling } from './handler-options.ts'
import { createStderrLogger, isLogLevel } from './logger.ts'
import { affordableMemory } from './memory-limit.ts'
import {
  type Check,
  checkOptions,
  integer,
  isBoolean,
  isFunction,
  isLogger,
  isObject,
  isString,
  listOf,
  oneOf,
} from './option-checks.ts'
import type { RateLimit, ResolvedOptions, WebSocketServerOptions } from './options.ts'
import type { PlacementOptions } from './placement.ts'
import { REBALANCE_CHECKS, resolveRebalance } from './rebalance-options.ts'
import { ROOM_CHECKS, resolveRooms } from './room-options.ts'
import { planShutdown, type ShutdownOptions } from './shutdown-options.ts'
import { resolveTls } from './tls-options.ts'
import { resolveUsers, USER_CHECKS } from './user-options.ts'

type OptionName = keyof WebSocketServerOptions

type HandshakeOptions = Pick<
  ResolvedOptions,
  'handshakeTimeoutMs' | 'verifyTimeoutMs' | 'maxPendingHandshakes' | 'maxHeaderFields' | 'maxUrlLength'
>

/** Between two beats of a shard, unless `stallMs` needs them more often. */
const LONGEST_BEAT_MS = 250
const BEATS_PER_STALL = 4

const INT32_MAX = 2 ** 31 - 1
const LONGEST_MS = 2 ** 31 - 1
const MAX_SHARDS = 256
/** About what Node holds before it does anything. */
const LEAST_MEMORY_BYTES = 64 * 1024 * 1024

const CHECKS: Readonly<Record<OptionName, Check>> = {
  shards: integer(0, MAX_SHARDS),
  placement: (value) =>
    typeof value === 'function' || value === 'least-connections' || value === 'round-robin'
      ? null
      : "'least-connections', 'round-robin' or a function",
  shardBy: isFunction,
  shardReadyTimeoutMs: integer(100, 600_000),
  stallMs: integer(100, 600_000),
  killMs: integer(0, LONGEST_MS),
  shardUrl: (value) => (value instanceof URL ? null : 'a URL'),
  execArgv: listOf(isString, 'an array of strings'),
  resourceLimits: isObject('an object'),
  maxExternalBytes: integer(16 * 1024 * 1024, Number.MAX_SAFE_INTEGER),
  accept: oneOf('attach', 'raw', 'acceptor'),
  tls: isObject('an object'),
  maxMemoryBytes: (value) =>
    value === Number.POSITIVE_INFINITY
      ? null
      : integer(LEAST_MEMORY_BYTES, Number.MAX_SAFE_INTEGER)(value) &&
        `an integer from ${LEAST_MEMORY_BYTES} to ${Number.MAX_SAFE_INTEGER}, or Infinity`,
  handoff: oneOf('transfer', 'descriptor', 'relay'),
  maxPayload: integer(1, INT32_MAX),
  maxFragments: integer(1, INT32_MAX),
  maxBackpressure: integer(1, INT32_MAX),
  maxShardBackpressure: integer(1, Number.MAX_SAFE_INTEGER),
  slowConsumer: oneOf('drop', 'close', 'buffer'),
  maxControlRate: integer(0, 1_000_000),
  maxPendingPongs: integer(1, 10_000),
  rateLimit: isObject('an object'),
  maxUnprocessedMessages: integer(1, INT32_MAX),
  maxUnprocessedBytes: integer(1, INT32_MAX),
  messageTimeoutMs: integer(0, LONGEST_MS),
  compression: (value) =>
    typeof value === 'object' && value !== null
      ? null
      : oneOf(true, false, 'shared', 'dedicated', 'disabled')(value) &&
        "a boolean, 'shared', 'dedicated', 'disabled' or an object",
  compressThreshold: integer(0, INT32_MAX),
  maxCompressedSize: integer(1, INT32_MAX),
  protocols: listOf(isSubprotocol, 'an array of subprotocol tokens'),
  handleProtocols: isFunction,
  requireProtocol: isBoolean,
  allowOrigins: listOf(isAllowedOrigin, 'an array of strings, regular expressions and functions'),
  requireOrigin: isBoolean,
  ...GUARD_CHECKS,
  ...HANDLER_CHECKS,
  ...REBALANCE_CHECKS,
  ...ROOM_CHECKS,
  ...USER_CHECKS,
  verifyClient: isFunction,
  handler: (value) => {
    const expected = value instanceof URL ? null : checkHandler(value)
    return expected && `the URL of a module or ${expected}`
  },
  maxConnections: (value) =>
    value === Number.POSITIVE_INFINITY
      ? null
      : integer(1, MAX_SLOTS)(value) && `an integer from 1 to ${MAX_SLOTS}, or Infinity`,
  maxRooms: integer(1, 10_000_000),
  maxRoomsPerConnection: integer(1, 1_000_000),
  maxRoomSize: (value) =>
    value === Number.POSITIVE_INFINITY
      ? null
      : integer(1, MAX_SLOTS)(value) && `an integer from 1 to ${MAX_SLOTS}, or Infinity`,
  canJoin: isFunction,
  compute: isObject('an object'),
  handshakeTimeoutMs: integer(100, 600_000),
  verifyTimeoutMs: integer(100, 600_000),
  middlewareTimeoutMs: integer(0, LONGEST_MS),
  maxPendingHandshakes: integer(1, MAX_SLOTS),
  maxHeaderFields: integer(5, 1000),
  maxUrlLength: integer(1, 65_536),
  pingIntervalMs: integer(0, LONGEST_MS),
  livenessMs: integer(0, LONGEST_MS),
  idleTimeoutMs: integer(0, LONGEST_MS),
  closeTimeoutMs: integer(10, 600_000),
  maxLifetimeMs: integer(0, LONGEST_MS),
  handleSignals: (value) =>
    typeof value === 'boolean' || (typeof value === 'object' && value !== null) ? null : 'true, false or an object',
  logger: isLogger,
  logLevel: (value) => (isLogLevel(value) ? null : `'error', 'warn', 'info' or 'debug'`),
  debug: isBoolean,
  maxPayloadLength: integer(1, INT32_MAX),
  idleTimeout: integer(0, Math.floor(LONGEST_MS / 1000)),
}

/** Of every option, for facades that add names of their own. */
export const OPTION_NAMES = Object.keys(CHECKS) as readonly OptionName[]

const LONGEST_RATE_PERIOD_MS = 3_600_000

const RATE_LIMIT_CHECKS: Readonly<Record<keyof RateLimit, Check>> = {
  messages: integer(1, 1_000_000),
  perMs: integer(10, LONGEST_RATE_PERIOD_MS),
  burst: integer(1, 1_000_000),
  bytesPerSecond: integer(0, INT32_MAX),
  action: oneOf('pause', 'close', 'drop', 'error'),
  graceMs: integer(0, LONGEST_RATE_PERIOD_MS),
}

/** Other names for an option, and how their unit becomes ours. */
const ALIASES = {
  maxPayloadLength: { name: 'maxPayload', factor: 1 },
  idleTimeout: { name: 'idleTimeoutMs', factor: 1000 },
} as const

/** @throws ShardwsError OPTION_UNKNOWN, OPTION_INVALID */
export function resolveOptions(given: WebSocketServerOptions = {}): ResolvedOptions {
  checkOptions('options', CHECKS, given)
  const options = withoutAliases(given)
  const compression = resolveCompression(options.compression)
  const maxPayload = options.maxPayload ?? 1024 * 1024
  const pingIntervalMs = options.pingIntervalMs ?? 30_000
  const watch = resolveWatch(options)
  const rooms = {
    maxRooms: options.maxRooms ?? 100_000,
    maxRoomsPerConnection: options.maxRoomsPerConnection ?? 128,
    maxRoomSize: options.maxRoomSize ?? Number.POSITIVE_INFINITY,
  }
  return Object.freeze({
    shards: options.shards ?? Math.max(1, availableParallelism() - 1),
    ...resolvePlacement(options),
    shardReadyTimeoutMs: options.shardReadyTimeoutMs ?? 10_000,
    ...watch,
    shardUrl: options.shardUrl,
    execArgv: options.execArgv,
    resourceLimits: { maxOldGenerationSizeMb: 1024, maxYoungGenerationSizeMb: 24, ...options.resourceLimits },
    maxMemoryBytes: options.maxMemoryBytes ?? affordableMemory(),
    handoff: options.handoff,
    ...resolveAccept(options),
    shard: Object.freeze({
      maxPayload,
      maxCompressedSize: options.maxCompressedSize ?? maxPayload,
      compressThreshold: options.compressThreshold ?? 1024,
      compression: compression && {
        level: compression.level,
        memLevel: compression.memLevel,
        maxDedicatedContexts: compression.maxDedicatedContexts,
        inflateBytesPerSecond: compression.inflateBytesPerSecond,
      },
      maxFragments: options.maxFragments ?? 1024,
      maxBackpressure: options.maxBackpressure ?? 1024 * 1024,
      maxShardBackpressure: options.maxShardBackpressure ?? 64 * 1024 * 1024,
      slowConsumer: options.slowConsumer ?? 'drop',
      maxControlRate: options.maxControlRate ?? 100,
      maxPendingPongs: options.maxPendingPongs ?? 16,
      rateLimit: resolveRateLimit(options.rateLimit),
      maxUnprocessedMessages: options.maxUnprocessedMessages ?? 256,
      maxUnprocessedBytes: options.maxUnprocessedBytes ?? 1024 * 1024,
      maxExternalBytes: options.maxExternalBytes ?? 1024 ** 3,
      ...resolveHandling(options),
      messageTimeoutMs: options.messageTimeoutMs ?? 30_000,
      pingIntervalMs,
      // A peer that only answers pings is heard once per interval.
      livenessMs: pingIntervalMs === 0 ? 0 : (options.livenessMs ?? Math.max(45_000, 1.5 * pingIntervalMs)),
      idleTimeoutMs: options.idleTimeoutMs ?? 0,
      closeTimeoutMs: options.closeTimeoutMs ?? 10_000,
      maxLifetimeMs: options.maxLifetimeMs ?? 0,
      beatMs: Math.min(LONGEST_BEAT_MS, Math.floor(watch.stallMs / BEATS_PER_STALL)),
      ...rooms,
      maxCoalescedKeys: options.maxCoalescedKeys ?? 10_000,
      middlewareTimeoutMs: options.middlewareTimeoutMs ?? 10_000,
    }),
    deflatePolicy: compression && deflatePolicyOf(compression),
    protocols: options.protocols ?? [],
    handleProtocols: options.handleProtocols,
    requireProtocol: options.requireProtocol ?? false,
    ...resolveHandler(options),
    autoRebalance: resolveRebalance(options),
    rooms: resolveRooms(options),
    users: resolveUsers(options),
    allowOrigins: options.allowOrigins ?? [],
    requireOrigin: options.requireOrigin ?? false,
    verifyClient: options.verifyClient,
    maxConnections: Math.min(options.maxConnections ?? 10_000, MAX_SLOTS),
    ...rooms,
    compute: resolveCompute(options.compute, options.execArgv),
    ...resolveHandshake(options),
    signalShutdown: resolveSignals(options.handleSignals),
    authenticate: options.auth?.authenticate,
    logger: options.logger ?? createStderrLogger(options.debug ? 'debug' : (options.logLevel ?? 'warn')),
  })
}

/** What excludes a handler module is said before anything is started. */
function resolveHandler(options: WebSocketServerOptions): Pick<ResolvedOptions, 'handler' | 'canJoin' | 'guards'> {
  const { handler, canJoin } = options
  const guards = resolveGuards(options)
  if (handler instanceof URL) assertModulesPossible({ canJoin, guards })
  return { handler, canJoin, guards }
}

/** What excludes each other among the ways in. */
function resolveAccept(options: WebSocketServerOptions): Pick<ResolvedOptions, 'accept' | 'tls'> {
  const { accept = 'attach', handoff, placement, shardBy } = options
  const tls = resolveTls(options.tls)
  if (accept === 'attach') {
    if (tls === null) return { accept, tls }
    throw new ShardwsError(
      'OPTION_INVALID',
      `options.tls needs accept: 'raw' or 'acceptor'; with 'attach', attach an https.Server`,
    )
  }
  if (shardBy !== undefined || typeof placement === 'function') {
    const name = shardBy === undefined ? 'placement' : 'shardBy'
    throw new ShardwsError(
      'OPTION_INVALID',
      `options.${name} needs the request, which with accept: '${accept}' the shard reads: leave ${name} out or use 'attach'`,
    )
  }
  if (handoff === 'relay') {
    throw new ShardwsError('OPTION_INVALID', `options.handoff: 'relay' hands over no TCP connections for '${accept}'`)
  }
  if (accept === 'acceptor' && options.shards === 0) {
    throw new ShardwsError('OPTION_INVALID', `options.shards must be 1 or more with accept: 'acceptor'; or use 'raw'`)
  }
  return { accept, tls }
}

function resolvePlacement({ placement, shardBy }: WebSocketServerOptions): PlacementOptions {
  if (placement !== undefined && shardBy !== undefined) {
    throw new ShardwsError('OPTION_INVALID', 'options.placement and options.shardBy exclude each other; give only one')
  }
  return { placement: placement ?? 'least-connections', shardBy }
}

function resolveWatch({ stallMs = 2000, killMs = Math.max(10_000, 2 * stallMs) }: WebSocketServerOptions): {
  readonly stallMs: number
  readonly killMs: number
} {
  if (killMs === 0 || killMs > stallMs) return { stallMs, killMs }
  const least = `options.stallMs, which is ${stallMs}`
  throw new ShardwsError('OPTION_INVALID', `options.killMs must be 0 or more than ${least}, got ${killMs}`)
}

function resolveSignals(given: boolean | ShutdownOptions = false): ShutdownOptions | null {
  if (typeof given === 'boolean') return given ? {} : null
  planShutdown(given, 'options.handleSignals', 'OPTION_INVALID')
  return { ...given }
}

function resolveHandshake(options: WebSocketServerOptions): HandshakeOptions {
  const { handshakeTimeoutMs = 10_000, verifyTimeoutMs = Math.min(5000, handshakeTimeoutMs) } = options
  if (verifyTimeoutMs > handshakeTimeoutMs) {
    const most = `options.handshakeTimeoutMs, which is ${handshakeTimeoutMs}`
    throw new ShardwsError('OPTION_INVALID', `options.verifyTimeoutMs must be at most ${most}, got ${verifyTimeoutMs}`)
  }
  return {
    handshakeTimeoutMs,
    verifyTimeoutMs,
    maxPendingHandshakes: options.maxPendingHandshakes ?? 1024,
    maxHeaderFields: options.maxHeaderFields ?? 100,
    maxUrlLength: options.maxUrlLength ?? 4096,
  }
}

function resolveRateLimit(given: RateLimit | undefined): RateLimitOptions | null {
  if (given === undefined) return null
  checkOptions('options.rateLimit', RATE_LIMIT_CHECKS, given)
  const { messages, perMs = 1000, burst = 2 * messages, bytesPerSecond = 0, action = 'close', graceMs = 5000 } = given
  if (messages === undefined) {
    throw new ShardwsError('OPTION_INVALID', 'options.rateLimit.messages is missing: the messages allowed per perMs')
  }
  return { messages, perMs, burst, bytesPerSecond, action, graceMs }
}

function withoutAliases(options: WebSocketServerOptions): WebSocketServerOptions {
  const canonical = { ...options }
  for (const [alias, { name, factor }] of Object.entries(ALIASES) as [
    keyof typeof ALIASES,
    (typeof ALIASES)[keyof typeof ALIASES],
  ][]) {
    const value = canonical[alias]
    if (value === undefined) continue
    if (canonical[name] !== undefined) {
      throw new ShardwsError('OPTION_INVALID', `options.${alias} is another name of options.${name}; give only one`)
    }
    canonical[name] = value * factor
  }
  return canonical
}

function isSubprotocol(value: unknown): boolean {
  return typeof value === 'string' && isToken(value)
}

function isAllowedOrigin(value: unknown): boolean {
  return typeof value === 'string' || value instanceof RegExp || typeof value === 'function'
}
