import type { IncomingMessage } from 'node:http'
import { MAX_SLOTS } from '../shared/connection-key.ts'
import { ShardwsError } from '../shared/errors.ts'
import type { AllowedOrigin } from '../shared/origin.ts'
import { isToken } from '../shared/protocol/tokens.ts'
import { type Check, integer, isBoolean, isFunction, listOf } from './option-checks.ts'

/** What an opening handshake must be, and how long it may take. */
export interface HandshakeOptions {
  /** Subprotocols, in no order: the first that the client offers and the list holds is chosen. Default []. */
  protocols?: readonly string[]
  /** Chooses the subprotocol instead of `protocols`; false for none. */
  handleProtocols?: (offered: readonly string[], request: IncomingMessage) => string | false
  /** Refuses with 400 a client with which no subprotocol is agreed. Default false. */
  requireProtocol?: boolean
  /**
   * Origins that may connect; `*` inside a string matches within one label or port. 'same-origin': whose host and port are
   * those of the request's `Host`. Empty or '*': all. Default [].
   */
  allowOrigins?: readonly AllowedOrigin[]
  /** Refuses with 403 a handshake without an Origin. Default false. */
  requireOrigin?: boolean
  /**
   * Milliseconds from the accepted connection to the 101, `verifyClient` included, 100 to 600000; then 408 to a client
   * whose request is not complete (nothing to one that sent nothing), 503 to others. With `attach` it begins with the
   * upgrade request: until then the deadlines of your `http.Server` govern. Default 10000.
   */
  handshakeTimeoutMs?: number
  /** Milliseconds for `verifyClient`, 100 to `handshakeTimeoutMs`; then 503. Default 5000, or `handshakeTimeoutMs` if that is less. */
  verifyTimeoutMs?: number
  /**
   * Opening handshakes at once, from the upgrade request to the 101, 1 to 1048576; one more gets 503. With `listen` also
   * as many connections whose request is not complete; then the oldest one that sent nothing is closed. Default 1024.
   */
  maxPendingHandshakes?: number
  /** Header fields of an opening handshake, repeated names counted each time, 5 to 1000; one more gets 431. Default 100. */
  maxHeaderFields?: number
  /** Bytes of an opening handshake's request target, 1 to 65536; one more gets 414. Default 4096. */
  maxUrlLength?: number
}

export interface ResolvedHandshake {
  readonly protocols: readonly string[]
  readonly handleProtocols: HandshakeOptions['handleProtocols']
  readonly requireProtocol: boolean
  readonly allowOrigins: readonly AllowedOrigin[]
  readonly requireOrigin: boolean
  readonly handshakeTimeoutMs: number
  readonly verifyTimeoutMs: number
  readonly maxPendingHandshakes: number
  readonly maxHeaderFields: number
  readonly maxUrlLength: number
}

export const HANDSHAKE_CHECKS: Readonly<Record<keyof HandshakeOptions, Check>> = {
  protocols: listOf(isSubprotocol, 'an array of subprotocol tokens'),
  handleProtocols: isFunction,
  requireProtocol: isBoolean,
  allowOrigins: listOf(isAllowedOrigin, 'an array of strings, regular expressions and functions'),
  requireOrigin: isBoolean,
  handshakeTimeoutMs: integer(100, 600_000),
  verifyTimeoutMs: integer(100, 600_000),
  maxPendingHandshakes: integer(1, MAX_SLOTS),
  maxHeaderFields: integer(5, 1000),
  maxUrlLength: integer(1, 65_536),
}

/** @throws ShardwsError OPTION_INVALID */
export function resolveHandshake(options: HandshakeOptions): ResolvedHandshake {
  const { handshakeTimeoutMs = 10_000, verifyTimeoutMs = Math.min(5000, handshakeTimeoutMs) } = options
  if (verifyTimeoutMs > handshakeTimeoutMs) {
    const most = `options.handshakeTimeoutMs, which is ${handshakeTimeoutMs}`
    throw new ShardwsError('OPTION_INVALID', `options.verifyTimeoutMs must be at most ${most}, got ${verifyTimeoutMs}`)
  }
  return {
    protocols: options.protocols ?? [],
    handleProtocols: options.handleProtocols,
    requireProtocol: options.requireProtocol ?? false,
    allowOrigins: options.allowOrigins ?? [],
    requireOrigin: options.requireOrigin ?? false,
    handshakeTimeoutMs,
    verifyTimeoutMs,
    maxPendingHandshakes: options.maxPendingHandshakes ?? 1024,
    maxHeaderFields: options.maxHeaderFields ?? 100,
    maxUrlLength: options.maxUrlLength ?? 4096,
  }
}

function isSubprotocol(value: unknown): boolean {
  return typeof value === 'string' && isToken(value)
}

function isAllowedOrigin(value: unknown): boolean {
  return typeof value === 'string' || value instanceof RegExp || typeof value === 'function'
}
