import { ShardwsError } from '../shared/errors.ts'
import type { RateLimitOptions } from '../shared/messages.ts'
import { type Check, checkOptions, integer, oneOf } from './option-checks.ts'

/** `rateLimit`: how much one peer may send. Off unless given. */
export interface RateLimit {
  /** Messages per `perMs`, 1 to 1000000. */
  readonly messages: number
  /** Milliseconds, 10 to 3600000. Default 1000. */
  readonly perMs?: number
  /** Messages at once, 1 to 1000000. Default: twice `messages`. */
  readonly burst?: number
  /** Payload bytes a second, twice as many at once, 0 to 2^31 - 1; 0 = unlimited. Default 0. */
  readonly bytesPerSecond?: number
  /**
   * What a peer meets that sends more. 'pause': it is read more slowly and nothing is lost. 'close': the same, and 1008 if
   * it does so again `graceMs` later or more, its budget not having filled up meanwhile. 'drop': what is too much is dropped and counted. 'error': the same, and `error` with
   * RATE_LIMITED at most once per `perMs`. Default 'close'.
   */
  readonly action?: 'pause' | 'close' | 'drop' | 'error'
  /** Milliseconds in which a peer may go over the limit several times with 'close', 0 to 3600000. Default 5000. */
  readonly graceMs?: number
}

const LONGEST_PERIOD_MS = 3_600_000

const INT32_MAX = 2 ** 31 - 1

const CHECKS: Readonly<Record<keyof RateLimit, Check>> = {
  messages: integer(1, 1_000_000),
  perMs: integer(10, LONGEST_PERIOD_MS),
  burst: integer(1, 1_000_000),
  bytesPerSecond: integer(0, INT32_MAX),
  action: oneOf('pause', 'close', 'drop', 'error'),
  graceMs: integer(0, LONGEST_PERIOD_MS),
}

/** @throws ShardwsError OPTION_UNKNOWN, OPTION_INVALID */
export function resolveRateLimit(given: RateLimit | undefined): RateLimitOptions | null {
  if (given === undefined) return null
  checkOptions('options.rateLimit', CHECKS, given)
  const { messages, perMs = 1000, burst = 2 * messages, bytesPerSecond = 0, action = 'close', graceMs = 5000 } = given
  if (messages === undefined) {
    throw new ShardwsError('OPTION_INVALID', 'options.rateLimit.messages is missing: the messages allowed per perMs')
  }
  return { messages, perMs, burst, bytesPerSecond, action, graceMs }
}
