import type { Duplex } from 'node:stream'
import { ERRORS, type ErrorCode, type ShardwsError } from '../shared/errors.ts'
import { releaseReading } from '../shared/handoff/reading.ts'
import { formatRefusal } from '../shared/protocol/handshake.ts'
import type { MainCounters } from './main-counters.ts'
import type { ResolvedOptions } from './options.ts'

/** How long a refused client may take to close its end. */
const LINGER_MS = 1000

/** Whose limits refuse, and where it is noted. */
export interface RefusalContext {
  readonly options: ResolvedOptions
  readonly counters: MainCounters
}

/** Counts and logs that a client was refused. */
export function recordRefusal(
  { options, counters }: RefusalContext,
  code: ErrorCode,
  why: string = ERRORS[code].message,
): void {
  counters.countRejected(code)
  const { option } = ERRORS[code]
  options.logger.info(option === undefined ? { code } : { code, option }, `handshake refused: ${why}`)
}

/** The answer to an opening handshake that `error` refuses. @throws ShardwsError ARGUMENT_INVALID for what `answer` may not hold. */
export function formatAnswer(
  error: ShardwsError,
  { status = error.status ?? 400, headers = {}, body = error.message }: Partial<Answer> = {},
): string {
  const isForNow = status === 503 || status === 429
  return formatRefusal(status, isForNow ? { 'Retry-After': retryAfter(), ...headers } : headers, body)
}

/** Sends a complete answer, and ignores whatever else comes on this connection. */
export function refuse(socket: Duplex, answer: string): void {
  socket.end(answer)
  linger(socket)
}

/** Reads and ignores what still comes on a socket that has been ended, and destroys it when its peer does not end it too. */
export function linger(socket: Duplex): void {
  // Unread bytes would turn our FIN into a reset, and the answer might be lost with it.
  releaseReading(socket)
  const deadline = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(deadline))
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Seconds, at random, so that clients refused together do not return together. */
export function retryAfter(least = 1, most = 10): string {
  return String(least + Math.floor(Math.random() * (most - least + 1)))
}
