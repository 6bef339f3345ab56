import type { Duplex } from 'node:stream'
import type { ShardwsError } from '../errors.ts'
import { formatRefusal } from '../protocol/handshake.ts'
import { releaseReading } from './reading.ts'

/** How long a refused client may take to close its end. */
const LINGER_MS = 1000

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The answer to an opening handshake that `error` refuses. @throws ShardwsError ARGUMENT_INVALID for what `answer` may not hold. */
export function formatAnswer(
  error: ShardwsError,
  { status = error.status ?? 400, headers = {}, body = error.message }: Partial<Answer> = {},
): string {
  const isForNow = status === 503 || status === 429
  return formatRefusal(status, isForNow ? { 'Retry-After': retryAfter(), ...headers } : headers, body)
}

/** Sends a complete answer, and ignores whatever else comes on this connection, a reset included. */
export function refuse(socket: Duplex, answer: string | Uint8Array): void {
  // Node's own listener is gone since the upgrade, and an 'error' that nobody hears would end the process.
  socket.on('error', () => {})
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

/** Seconds, at random, so that clients refused together do not return together. */
export function retryAfter(least = 1, most = 10): string {
  return String(least + Math.floor(Math.random() * (most - least + 1)))
}
