import type { ErrorCode } from '../errors.ts'
import {
  CONTROL_BIT,
  FIN,
  LENGTH_BITS,
  MASK,
  MAX_CONTROL_PAYLOAD,
  OPCODE_BITS,
  Opcode,
  RSV_BITS,
  RSV1,
} from './opcodes.ts'

/** What byte 0 of a frame breaks, or null. `isInMessage`: a fragmented message is open. */
export function firstByteViolation(byte: number, isInMessage: boolean, allowRsv1: boolean): ErrorCode | null {
  const opcode = byte & OPCODE_BITS
  const rsv = byte & RSV_BITS
  // RFC 6455 §5.2: RSV bits are 0 unless negotiated; RFC 7692 §6: RSV1 on the first frame of a data message only.
  if (rsv !== 0 && !(rsv === RSV1 && allowRsv1 && (opcode === Opcode.TEXT || opcode === Opcode.BINARY))) {
    return 'RESERVED_BITS'
  }
  if ((opcode & CONTROL_BIT) !== 0) {
    // RFC 6455 §5.2: 0xB-0xF are reserved.
    if (opcode > Opcode.PONG) return 'INVALID_OPCODE'
    // RFC 6455 §5.5: control frames must not be fragmented.
    return (byte & FIN) === 0 ? 'FRAGMENTED_CONTROL' : null
  }
  // RFC 6455 §5.2: 0x3-0x7 are reserved.
  if (opcode > Opcode.BINARY) return 'INVALID_OPCODE'
  // RFC 6455 §5.4: a fragmented message continues with opcode 0 and nothing but it.
  if (opcode === Opcode.CONTINUATION) return isInMessage ? null : 'UNEXPECTED_CONTINUATION'
  return isInMessage ? 'EXPECTED_CONTINUATION' : null
}

/** What byte 1 of the frame that began with `first` breaks, or null. */
export function secondByteViolation(first: number, byte: number, isMasked: boolean): ErrorCode | null {
  // RFC 6455 §5.1: a client masks every frame, a server none.
  if (((byte & MASK) !== 0) !== isMasked) return isMasked ? 'MASK_REQUIRED' : 'MASK_FORBIDDEN'
  if ((first & CONTROL_BIT) === 0) return null
  const length = byte & LENGTH_BITS
  // RFC 6455 §5.5: control payloads have 125 bytes or less.
  if (length > MAX_CONTROL_PAYLOAD) return 'CONTROL_TOO_LONG'
  // RFC 6455 §5.5.1: a close body begins with a code of two bytes.
  return length === 1 && (first & OPCODE_BITS) === Opcode.CLOSE ? 'INVALID_CLOSE_PAYLOAD' : null
}
