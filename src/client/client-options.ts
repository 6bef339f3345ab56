import { ShardwsError } from '../shared/errors.ts'
import type { TokenOptions } from './address.ts'
import type { BackoffOptions } from './backoff.ts'
import type { PlainSocketClass } from './socket.ts'
import type { QueueOptions } from './waiting-messages.ts'

/** Everything is optional. What is unknown throws OPTION_UNKNOWN, what is mistyped or out of range OPTION_INVALID. */
export interface WebSocketClientOptions {
  /** Subprotocols to offer. Default none. */
  readonly protocols?: readonly string[]
  /** A token, or a function that is asked before each attempt for one; `query` or `protocol` says where it goes. */
  readonly token?: TokenOptions
  /** Messages are JSON: `send` takes values, and listeners get them. Default false. */
  readonly json?: boolean
  /** Whether rooms and `data` are to outlive a lost connection, which the server's option `sessions` must allow. Default false. */
  readonly session?: boolean
  /** How long to wait before each attempt. */
  readonly backoff?: BackoffOptions
  /** Attempts in a row that may fail before it gives up; the first one counts too. Default 0: it never does. */
  readonly maxAttempts?: number
  /** Milliseconds from the beginning of an attempt, functions for url and token included, to the open connection. Default 10000; 0: no limit. */
  readonly connectTimeoutMs?: number
  /** What is kept of that which is sent while there is no connection. */
  readonly queue?: QueueOptions
  /**
   * Whether to reconnect after this close. If it throws, that is an `error` and the default decides. Default: not after 1000, 1002,
   * 1003, 1005, 1007, 1008, 1010, 3000, 3003 and 4400 to 4499 without 4408 and 4429.
   */
  readonly shouldReconnect?: (code: number, reason: string) => boolean
  /** The class of the connections. Default: the global one, which Node has from 22 on. */
  readonly WebSocket?: PlainSocketClass
  /** Returns 0 to 1, for the jitter. Default Math.random. */
  readonly random?: () => number
}

export interface ResolvedClientOptions
  extends Required<Omit<WebSocketClientOptions, 'token' | 'shouldReconnect' | 'backoff' | 'queue'>> {
  readonly token: TokenOptions | undefined
  readonly shouldReconnect: ((code: number, reason: string) => boolean) | undefined
  readonly backoff: Required<BackoffOptions>
  readonly queue: Required<QueueOptions>
}

/** Timers take no more: a longer delay would be none at all. */
const MAX_DELAY_MS = 2 ** 31 - 1

const NAMES = {
  options: [
    ...['protocols', 'token', 'json', 'session', 'backoff', 'maxAttempts', 'connectTimeoutMs'],
    ...['queue', 'shouldReconnect', 'WebSocket', 'random'],
  ],
  'options.backoff': ['base', 'factor', 'max', 'jitter'],
  'options.queue': ['max', 'maxBytes', 'drop'],
}

/** @throws ShardwsError OPTION_UNKNOWN and OPTION_INVALID */
export function resolveClientOptions(options: WebSocketClientOptions): ResolvedClientOptions {
  checkNames('options', options)
  checkNames('options.backoff', options.backoff ?? {})
  checkNames('options.queue', options.queue ?? {})
  const { WebSocket = (globalThis as { WebSocket?: PlainSocketClass }).WebSocket, random = Math.random } = options
  const {
    protocols = [],
    token,
    json = false,
    session = false,
    maxAttempts = 0,
    connectTimeoutMs = 10_000,
    shouldReconnect,
  } = options
  const { base = 500, factor = 2, max = 30_000, jitter = 1 } = options.backoff ?? {}
  const { max: maxMessages = 100, maxBytes = 1024 * 1024, drop = 'oldest' } = options.queue ?? {}
  if (WebSocket === undefined) {
    throw invalid('WebSocket', 'a class, there is no global one here: pass WebSocket from the package ws', WebSocket)
  }
  check('WebSocket', typeof WebSocket === 'function', 'a class', WebSocket)
  check('random', typeof random === 'function', 'a function', random)
  check('protocols', isListOfStrings(protocols), 'a list of strings', protocols)
  check('token', token === undefined || isToken(token), '{ query, value } or { protocol, value }', '…')
  check('json', typeof json === 'boolean', 'true or false', json)
  check('session', typeof session === 'boolean', 'true or false', session)
  check('shouldReconnect', ['function', 'undefined'].includes(typeof shouldReconnect), 'a function', shouldReconnect)
  checkNumber('maxAttempts', maxAttempts, 0, Number.MAX_SAFE_INTEGER)
  checkNumber('connectTimeoutMs', connectTimeoutMs, 0, MAX_DELAY_MS)
  checkNumber('backoff.base', base, 0, MAX_DELAY_MS)
  checkNumber('backoff.factor', factor, 1, 100)
  checkNumber('backoff.max', max, 0, MAX_DELAY_MS / 2)
  checkNumber('backoff.jitter', jitter, 0, 1)
  checkNumber('queue.max', maxMessages, 0, Number.MAX_SAFE_INTEGER)
  checkNumber('queue.maxBytes', maxBytes, 0, Number.MAX_SAFE_INTEGER)
  check('queue.drop', drop === 'oldest' || drop === 'newest', "'oldest' or 'newest'", drop)
  const backoff = { base, factor, max, jitter }
  const queue = { max: maxMessages, maxBytes, drop }
  return {
    WebSocket,
    random,
    protocols,
    token,
    json,
    session,
    maxAttempts,
    connectTimeoutMs,
    shouldReconnect,
    backoff,
    queue,
  }
}

function isListOfStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

function isToken(token: Partial<Record<'query' | 'protocol' | 'value', unknown>>): boolean {
  if (typeof token !== 'object' || token === null) return false
  const { query, protocol, value } = token
  const isPlaced = (typeof query === 'string') !== (typeof protocol === 'string')
  return isPlaced && (typeof value === 'string' || typeof value === 'function')
}

function checkNames(path: keyof typeof NAMES, options: object): void {
  if (typeof options !== 'object' || options === null) {
    throw new ShardwsError('OPTION_INVALID', `${path} must be an object, got ${String(options)}`)
  }
  for (const name of Object.keys(options)) {
    if (NAMES[path].includes(name)) continue
    throw new ShardwsError('OPTION_UNKNOWN', `${path}.${name} is unknown; there are ${NAMES[path].join(', ')}`)
  }
}

function checkNumber(name: string, value: number, least: number, most: number): void {
  const isInRange = typeof value === 'number' && value >= least && value <= most
  check(name, isInRange, `a number from ${least} to ${most}`, value)
}

function check(name: string, isValid: boolean, expected: string, value: unknown): void {
  if (!isValid) throw invalid(name, expected, value)
}

function invalid(name: string, expected: string, value: unknown): ShardwsError {
  return new ShardwsError('OPTION_INVALID', `options.${name} must be ${expected}, got ${String(value)}`)
}
