import type { FrameSpec } from '../fixtures/raw-frame.ts'
import { type HeaderOverrides, type RequestLine, SAMPLE_KEY, upgradeRequest } from '../fixtures/raw-request.ts'

/** One opening handshake and how it must be answered. */
export interface HandshakeCase {
  readonly id: string
  readonly what: string
  readonly request: Buffer
  /** The status, or the statuses between which RFC 6455 and RFC 9110 leave the choice. */
  readonly status: readonly number[]
  /** Response headers by lower-case name; null: must be absent. */
  readonly headers?: Readonly<Record<string, string | null>>
  /** Sent in the same write behind the request. */
  readonly behind?: Buffer
  /** Bytes per write of the request and of what is behind it. */
  readonly chop?: number
  /** Frames sent behind an accepted request before its answer, each a text whose echo must come back in order. */
  readonly early?: readonly FrameSpec[]
}

export function accepted(
  id: string,
  what: string,
  headers: HeaderOverrides = {},
  line: RequestLine = {},
): HandshakeCase {
  return { id, what, request: upgradeRequest(headers, line), status: [101] }
}

export function refused(
  id: string,
  what: string,
  status: number | readonly number[],
  headers: HeaderOverrides = {},
  line: RequestLine = {},
): HandshakeCase {
  return { id, what, request: upgradeRequest(headers, line), status: typeof status === 'number' ? [status] : status }
}

/** A request written out by hand: for what no well-meant builder can produce. */
export function refusedBytes(id: string, what: string, status: readonly number[], ...lines: string[]): HandshakeCase {
  return { id, what, request: Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), status }
}

/** The header lines of a correct handshake, for refusedBytes. */
export const CORRECT_LINES = [
  'Host: 127.0.0.1',
  'Upgrade: websocket',
  'Connection: Upgrade',
  `Sec-WebSocket-Key: ${SAMPLE_KEY}`,
  'Sec-WebSocket-Version: 13',
] as const

/** Each refused case once more with a second request in the same write, which must not be answered. */
export function withPipelined(cases: readonly HandshakeCase[]): HandshakeCase[] {
  const second = Buffer.from('GET /admin HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  return cases.flatMap((one) =>
    one.status.includes(101)
      ? [one]
      : [one, { ...one, id: `${one.id}p`, what: `${one.what}, a request pipelined behind`, behind: second }],
  )
}
