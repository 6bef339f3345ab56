import { ShardwsError } from '../errors.ts'
import { MAX_CONTROL_PAYLOAD } from './opcodes.ts'

/** The IANA registry of WebSocket close codes, RFC 6455 §7.4.1 and §11.7. 1004 is reserved and has no name. */
export const CloseCode = {
  NORMAL_CLOSURE: 1000,
  GOING_AWAY: 1001,
  PROTOCOL_ERROR: 1002,
  UNSUPPORTED_DATA: 1003,
  /** Never on the wire: the close frame had no body. */
  NO_STATUS_RECEIVED: 1005,
  /** Never on the wire: the connection ended without a close frame. */
  ABNORMAL_CLOSURE: 1006,
  INVALID_PAYLOAD: 1007,
  POLICY_VIOLATION: 1008,
  MESSAGE_TOO_BIG: 1009,
  MANDATORY_EXTENSION: 1010,
  INTERNAL_ERROR: 1011,
  SERVICE_RESTART: 1012,
  TRY_AGAIN_LATER: 1013,
  BAD_GATEWAY: 1014,
  /** Never on the wire: the TLS handshake failed. */
  TLS_HANDSHAKE: 1015,
} as const

export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode]

/** A code, then the reason: bytes. */
const CODE_BYTES = 2
const NO_BODY = Buffer.alloc(0)
const encoder = new TextEncoder()

/** Whether a peer may put `code` into a close frame: 1000-1003, 1007-1014 and 3000-4999. */
export function isReceivableCloseCode(code: number): boolean {
  // RFC 6455 §7.4.1: 1004, 1005, 1006 and 1015 must not be sent; §7.4.2: 1016-2999 belong to future RFCs, 0-999 to nobody.
  return (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) || (code >= 3000 && code <= 4999)
}

/**
 * Whether a caller may close a connection with `code`. The set is the one a peer may use: a browser's
 * `close()` takes 1000 and 3000-4999 only, but a server has to say 1001, 1011, 1012 and 1013 too, and
 * a code that the other end would have to refuse helps nobody.
 */
export function isSendableCloseCode(code: number): boolean {
  return Number.isInteger(code) && isReceivableCloseCode(code)
}

/**
 * The payload of a close frame. `reason` is cut to 123 bytes of UTF-8 at a character boundary; lone
 * surrogates become U+FFFD. Code 1005 stands for "no code" and gives an empty body.
 *
 * @throws ShardwsError ARGUMENT_INVALID when `code` may not be sent.
 */
export function encodeCloseBody(code: number, reason: string): Buffer {
  if (code === CloseCode.NO_STATUS_RECEIVED) return NO_BODY
  if (!isSendableCloseCode(code)) {
    throw new ShardwsError(
      'ARGUMENT_INVALID',
      `code must be 1000-1003, 1007-1014 or 3000-4999, not ${String(code)}; use 1000 for a normal closure`,
    )
  }
  // Zero-filled: no byte of this memory is anybody else's, whatever becomes of the buffer behind the view.
  const body = Buffer.alloc(MAX_CONTROL_PAYLOAD)
  body.writeUInt16BE(code, 0)
  // encodeInto stops before the first character that does not fit.
  const { written } = encoder.encodeInto(reason, body.subarray(CODE_BYTES))
  return body.subarray(0, CODE_BYTES + written)
}
