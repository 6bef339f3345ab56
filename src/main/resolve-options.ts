import { availableParallelism } from 'node:os'
import { MAX_SLOTS } from '../shared/connection-key.ts'
import { ShardwsError } from '../shared/errors.ts'
import { isToken } from '../shared/protocol/tokens.ts'
import { createStderrLogger, isLogLevel, type Logger } from './logger.ts'
import { nearestName } from './nearest-name.ts'
import type { ResolvedOptions, WebSocketServerOptions } from './options.ts'

type OptionName = keyof WebSocketServerOptions
/** Returns what the value must be if it is not that. */
type Check = (value: unknown) => string | null

const INT32_MAX = 2 ** 31 - 1
const LONGEST_MS = 2 ** 31 - 1
const MAX_SHARDS = 256

const CHECKS: Readonly<Record<OptionName, Check>> = {
  shards: integer(0, MAX_SHARDS),
  shardReadyTimeoutMs: integer(100, 600_000),
  shardUrl: (value) => (value instanceof URL ? null : 'a URL'),
  execArgv: listOf(isString, 'an array of strings'),
  resourceLimits: isObject('an object'),
  handoff: oneOf('transfer', 'descriptor', 'relay'),
  maxPayload: integer(1, INT32_MAX),
  maxFragments: integer(1, INT32_MAX),
  maxBackpressure: integer(1, INT32_MAX),
  maxShardBackpressure: integer(1, Number.MAX_SAFE_INTEGER),
  slowConsumer: oneOf('drop', 'close', 'buffer'),
  compression: oneOf(true, false, 'shared', 'dedicated', 'disabled'),
  protocols: listOf(isSubprotocol, 'an array of subprotocol tokens'),
  handleProtocols: isFunction,
  requireProtocol: isBoolean,
  allowOrigins: listOf(isAllowedOrigin, 'an array of strings, regular expressions and functions'),
  requireOrigin: isBoolean,
  verifyClient: isFunction,
  maxConnections: (value) =>
    value === Number.POSITIVE_INFINITY
      ? null
      : integer(1, MAX_SLOTS)(value) && `an integer from 1 to ${MAX_SLOTS}, or Infinity`,
  handshakeTimeoutMs: integer(100, 600_000),
  pingIntervalMs: integer(0, LONGEST_MS),
  livenessMs: integer(0, LONGEST_MS),
  idleTimeoutMs: integer(0, LONGEST_MS),
  closeTimeoutMs: integer(10, 600_000),
  maxLifetimeMs: integer(0, LONGEST_MS),
  logger: isLogger,
  logLevel: (value) => (isLogLevel(value) ? null : `'error', 'warn', 'info' or 'debug'`),
  debug: isBoolean,
  maxPayloadLength: integer(1, INT32_MAX),
  idleTimeout: integer(0, Math.floor(LONGEST_MS / 1000)),
}

/** Other names for an option, and how their unit becomes ours. */
const ALIASES = {
  maxPayloadLength: { name: 'maxPayload', factor: 1 },
  idleTimeout: { name: 'idleTimeoutMs', factor: 1000 },
} as const

/** @throws ShardwsError OPTION_UNKNOWN, OPTION_INVALID */
export function resolveOptions(given: WebSocketServerOptions = {}): ResolvedOptions {
  const options = withoutAliases(check(given))
  const pingIntervalMs = options.pingIntervalMs ?? 30_000
  return Object.freeze({
    shards: options.shards ?? Math.max(1, availableParallelism() - 1),
    shardReadyTimeoutMs: options.shardReadyTimeoutMs ?? 10_000,
    shardUrl: options.shardUrl,
    execArgv: options.execArgv,
    resourceLimits: options.resourceLimits,
    handoff: options.handoff,
    shard: Object.freeze({
      maxPayload: options.maxPayload ?? 1024 * 1024,
      maxFragments: options.maxFragments ?? 1024,
      maxBackpressure: options.maxBackpressure ?? 1024 * 1024,
      maxShardBackpressure: options.maxShardBackpressure ?? 64 * 1024 * 1024,
      slowConsumer: options.slowConsumer ?? 'drop',
      pingIntervalMs,
      livenessMs: pingIntervalMs === 0 ? 0 : (options.livenessMs ?? 45_000),
      idleTimeoutMs: options.idleTimeoutMs ?? 0,
      closeTimeoutMs: options.closeTimeoutMs ?? 10_000,
      maxLifetimeMs: options.maxLifetimeMs ?? 0,
    }),
    protocols: options.protocols ?? [],
    handleProtocols: options.handleProtocols,
    requireProtocol: options.requireProtocol ?? false,
    allowOrigins: options.allowOrigins ?? [],
    requireOrigin: options.requireOrigin ?? false,
    verifyClient: options.verifyClient,
    maxConnections: Math.min(options.maxConnections ?? 10_000, MAX_SLOTS),
    handshakeTimeoutMs: options.handshakeTimeoutMs ?? 10_000,
    logger: options.logger ?? createStderrLogger(options.debug ? 'debug' : (options.logLevel ?? 'warn')),
  })
}

function check(options: WebSocketServerOptions): WebSocketServerOptions {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new ShardwsError('OPTION_INVALID', `options must be an object, got ${describe(options)}`)
  }
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(CHECKS, name)) {
      const nearest = nearestName(name, Object.keys(CHECKS))
      throw new ShardwsError('OPTION_UNKNOWN', `options.${name} is unknown; did you mean options.${nearest}?`)
    }
    const expected = value === undefined ? null : CHECKS[name as OptionName](value)
    if (expected !== null) {
      throw new ShardwsError('OPTION_INVALID', `options.${name} must be ${expected}, got ${describe(value)}`)
    }
  }
  return options
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

function integer(least: number, most: number): Check {
  return (value) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most
      ? null
      : `an integer from ${least} to ${most}`
}

function oneOf(...values: (string | boolean)[]): Check {
  return (value) =>
    values.includes(value as string) ? null : `one of ${values.map((each) => JSON.stringify(each)).join(', ')}`
}

function listOf(isMember: (value: unknown) => boolean, expected: string): Check {
  return (value) => (Array.isArray(value) && value.every(isMember) ? null : expected)
}

function isObject(expected: string): Check {
  return (value) => (typeof value === 'object' && value !== null ? null : expected)
}

function isFunction(value: unknown): string | null {
  return typeof value === 'function' ? null : 'a function'
}

function isBoolean(value: unknown): string | null {
  return typeof value === 'boolean' ? null : 'true or false'
}

function isString(value: unknown): boolean {
  return typeof value === 'string'
}

function isSubprotocol(value: unknown): boolean {
  return typeof value === 'string' && isToken(value)
}

function isAllowedOrigin(value: unknown): boolean {
  return typeof value === 'string' || value instanceof RegExp || typeof value === 'function'
}

function isLogger(value: unknown): string | null {
  const logger = value as Partial<Logger> | null
  const isComplete =
    typeof logger === 'object' &&
    logger !== null &&
    [logger.error, logger.warn, logger.info, logger.debug].every((each) => typeof each === 'function')
  return isComplete ? null : 'an object with the functions error, warn, info and debug'
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40))
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
