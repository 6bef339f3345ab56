import { availableParallelism } from 'node:os'
import { checkHandler } from '../shared/as-handler.ts'
import { MAX_SLOTS } from '../shared/connection-key.ts'
import { ShardwsError } from '../shared/errors.ts'
import { deflatePolicyOf, resolveCompression } from './compression-options.ts'
import { resolveCompute } from './compute-options.ts'
import { ENTRANCE_CHECKS, resolveEntrance } from './entrance-options.ts'
import { GUARD_CHECKS, resolveGuards } from './guard-options.ts'
import { assertModulesPossible } from './handler-modules.ts'
import { HANDLER_CHECKS, resolveHandling } from './handler-options.ts'
import { HANDSHAKE_CHECKS, resolveHandshake } from './handshake-options.ts'
import { createStderrLogger, isLogLevel } from './logger.ts'
import { affordableMemory } from './memory-limit.ts'
import { withoutAliases } from './option-aliases.ts'
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
import type { ResolvedOptions, WebSocketServerOptions } from './options.ts'
import type { PlacementOptions } from './placement.ts'
import { resolveRateLimit } from './rate-limit-options.ts'
import { REBALANCE_CHECKS, resolveRebalance } from './rebalance-options.ts'
import { ROOM_CHECKS, resolveRooms } from './room-options.ts'
import { resolveSessions, SESSION_CHECKS } from './session-options.ts'
import { planShutdown, type ShutdownOptions } from './shutdown-options.ts'
import { resolveUsers, USER_CHECKS } from './user-options.ts'

type OptionName = keyof WebSocketServerOptions

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
  ...ENTRANCE_CHECKS,
  ...GUARD_CHECKS,
  ...HANDLER_CHECKS,
  ...HANDSHAKE_CHECKS,
  ...REBALANCE_CHECKS,
  ...ROOM_CHECKS,
  ...SESSION_CHECKS,
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
  middlewareTimeoutMs: integer(0, LONGEST_MS),
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

/** @throws ShardwsError OPTION_UNKNOWN, OPTION_INVALID */
export function resolveOptions(given: WebSocketServerOptions = {}): ResolvedOptions {
  checkOptions('options', CHECKS, given)
  const options = withoutAliases(given)
  const compression = resolveCompression(options.compression)
  const maxPayload = options.maxPayload ?? 1024 * 1024
  const pingIntervalMs = options.pingIntervalMs ?? 30_000
  const watch = resolveWatch(options)
  const sessions = resolveSessions(options)
  const rooms = resolveRoomLimits(options)
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
    ...resolveEntrance(options),
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
      maxSessionData: sessions?.maxDataBytes ?? 0,
      maxCoalescedKeys: options.maxCoalescedKeys ?? 10_000,
      middlewareTimeoutMs: options.middlewareTimeoutMs ?? 10_000,
    }),
    deflatePolicy: compression && deflatePolicyOf(compression),
    ...resolveHandler(options),
    autoRebalance: resolveRebalance(options),
    rooms: resolveRooms(options),
    users: resolveUsers(options),
    sessions,
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

function resolveRoomLimits({
  maxRooms = 100_000,
  maxRoomsPerConnection = 128,
  maxRoomSize = Number.POSITIVE_INFINITY,
}: WebSocketServerOptions): Pick<ResolvedOptions, 'maxRooms' | 'maxRoomsPerConnection' | 'maxRoomSize'> {
  return { maxRooms, maxRoomsPerConnection, maxRoomSize }
}

/** What excludes a handler module is said before anything is started. */
function resolveHandler(options: WebSocketServerOptions): Pick<ResolvedOptions, 'handler' | 'canJoin' | 'guards'> {
  const { handler, canJoin } = options
  const guards = resolveGuards(options)
  if (handler instanceof URL) assertModulesPossible({ canJoin, guards })
  return { handler, canJoin, guards }
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
