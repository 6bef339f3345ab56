import { ShardwsError } from '../shared/errors.ts'
import { assertMessage } from '../shared/message-arguments.ts'
import { CloseCode, isSendableCloseCode } from '../shared/protocol/close-codes.ts'
import { type Check, checkOptions, integer } from './option-checks.ts'

const LONGEST_MS = 2 ** 31 - 1
const LONGEST_RETRY_SECONDS = 86_400
/** How long connections may take for their closing handshakes. */
const CLOSING_MS = 10_000

/** What `shutdown` sends to every connection first. */
export type Notice = string | Uint8Array | (() => string | Uint8Array)

/** How a `shutdown` goes. Without any everything is closed at once. */
export interface ShutdownOptions {
  /** Close code sent to every connection; 1012 says that the server comes back. Default 1001. */
  readonly code?: number
  /** At most 123 bytes of UTF-8, the rest is cut off. Default 'server shutting down'. */
  readonly reason?: string
  /** Sent to every connection before anything else: text or bytes, or a function that makes them then. Default: nothing. */
  readonly notice?: Notice
  /** Milliseconds from the notice to the first close, 0 to 2^31 - 1: connections go on as before. Default 0. */
  readonly graceMs?: number
  /** Milliseconds over which the closes are spread, in random order, so that clients do not all come back at once. Default 0. */
  readonly drainMs?: number
  /**
   * Milliseconds from the call, at least `graceMs` and `drainMs` together, after which what is still open is destroyed, and what is still computed aborted.
   * Default: 10000 more than those.
   */
  readonly deadlineMs?: number
  /** Newcomers are told to stay away for that long or up to twice as long, 1 to 86400. Default: 1 to 10 seconds at random. */
  readonly retryAfterSeconds?: number
}

/** How a shutdown goes. */
export interface ShutdownPlan {
  /** Close code. */
  readonly code: number
  /** Close reason. */
  readonly reason: string
  /** Null: none. */
  readonly notice: Notice | null
  /** Milliseconds from the notice to the first close. */
  readonly graceMs: number
  /** Milliseconds over which the closes are spread. */
  readonly drainMs: number
  /** Milliseconds from the call. */
  readonly deadlineMs: number
  /** Null: 1 to 10, at random. */
  readonly retryAfterSeconds: number | null
}

const milliseconds = integer(0, LONGEST_MS)

const CHECKS: Readonly<Record<keyof ShutdownOptions, Check>> = {
  code: (value) =>
    typeof value === 'number' && isSendableCloseCode(value) ? null : '1000-1003, 1007-1014 or 3000-4999',
  reason: (value) => (typeof value === 'string' ? null : 'a string'),
  notice: (value) => (typeof value === 'function' || isMessage(value) ? null : 'a string, a Uint8Array or a function'),
  graceMs: milliseconds,
  drainMs: milliseconds,
  deadlineMs: milliseconds,
  retryAfterSeconds: integer(1, LONGEST_RETRY_SECONDS),
}

/**
 * @param path How the caller writes the options.
 * @throws ShardwsError OPTION_UNKNOWN, and `invalid`
 */
export function planShutdown(
  given: ShutdownOptions,
  path = 'options',
  invalid: 'ARGUMENT_INVALID' | 'OPTION_INVALID' = 'ARGUMENT_INVALID',
): ShutdownPlan {
  checkOptions(path, CHECKS, given, invalid)
  const { code = CloseCode.GOING_AWAY, reason = 'server shutting down', graceMs = 0, drainMs = 0 } = given
  const leastMs = graceMs + drainMs
  const { deadlineMs = Math.min(leastMs + CLOSING_MS, LONGEST_MS) } = given
  if (deadlineMs < leastMs) {
    throw new ShardwsError(
      invalid,
      `${path}.deadlineMs must be at least graceMs and drainMs together, which are ${leastMs}, got ${deadlineMs}`,
    )
  }
  const { notice = null, retryAfterSeconds = null } = given
  return Object.freeze({ code, reason, notice, graceMs, drainMs, deadlineMs, retryAfterSeconds })
}

function isMessage(value: unknown): boolean {
  try {
    assertMessage(value)
    return true
  } catch {
    return false
  }
}
