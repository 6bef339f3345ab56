import type { BinaryType } from '../shared/binary-type.ts'
import type { DispatchOptions } from '../shared/dispatcher.ts'
import type { Handler } from '../shared/handler.ts'
import { type Check, checkOptions, integer, isBoolean, isFunction, isObject, oneOf } from './option-checks.ts'

/** `auth`: clients say who they are in their first messages. Off unless given. */
export interface AuthOptions {
  /** Who a client is must be told before the 101 (`verifyClient`) or in-band, which is what this is about. Default 'in-band'. */
  readonly mode?: 'in-band'
  /** As `Handler.authenticate`, for all on main whose handler has none. Without either nobody is let in: handlers in shards have their own. */
  readonly authenticate?: Handler['authenticate']
  /** Milliseconds from the end of the middleware, 0 to 2^31 - 1; then 1008. 0 = unlimited. Default 10000. */
  readonly timeoutMs?: number
}

/** How handlers and listeners of sockets get what clients send. */
export interface HandlerOptions {
  /**
   * Requires every client to authenticate in-band: until then its messages go to `authenticate` alone. Broadcasts do reach
   * it, so publish to rooms what is not for everybody. Default: whose handler has `authenticate`.
   */
  auth?: AuthOptions
  /**
   * What handlers and listeners of sockets get for a binary message; the server's own `message` event always has a Buffer.
   * An ArrayBuffer is a copy, the others are views. The types of this package say Buffer. Default 'buffer'.
   */
  binaryType?: BinaryType
  /**
   * One message of a connection at a time: the next one is delivered when the promises of all who heard the one before have
   * settled. What waits counts as unprocessed. Default false: messages are delivered as they come.
   */
  serialize?: boolean
}

export interface ResolvedHandling extends Omit<DispatchOptions, 'middlewareTimeoutMs'> {}

export const HANDLER_CHECKS: Readonly<Record<keyof HandlerOptions, Check>> = {
  auth: isObject('an object'),
  binaryType: oneOf('buffer', 'arraybuffer', 'uint8array'),
  serialize: isBoolean,
}

const AUTH_CHECKS: Readonly<Record<keyof AuthOptions, Check>> = {
  mode: oneOf('in-band'),
  authenticate: isFunction,
  timeoutMs: integer(0, 2 ** 31 - 1),
}

/** @throws ShardwsError OPTION_UNKNOWN, OPTION_INVALID */
export function resolveHandling({ auth, binaryType = 'buffer', serialize = false }: HandlerOptions): ResolvedHandling {
  if (auth !== undefined) checkOptions('options.auth', AUTH_CHECKS, auth)
  return { authTimeoutMs: auth?.timeoutMs ?? 10_000, isAuthRequired: auth !== undefined, serialize, binaryType }
}
