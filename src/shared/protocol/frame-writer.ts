import { ShardwsError } from '../errors.ts'
import { copyBytes } from './copy-bytes.ts'
import { unmask } from './mask.ts'
import { CONTROL_BIT, FIN, LENGTH_16, LENGTH_64, MASK, MAX_CONTROL_PAYLOAD, type Opcode, RSV1 } from './opcodes.ts'

export interface FrameOptions {
  /** Last frame of its message. Default true. */
  readonly fin?: boolean
  /** First frame of a compressed message. Default false. */
  readonly rsv1?: boolean
}

const MASK_KEY_BYTES = 4
const UINT32_VALUES = 0x1_0000_0000

/** Bytes of the header of an unmasked frame: 2, 4 or 10. */
export function frameHeaderSize(payloadLength: number): number {
  if (payloadLength < LENGTH_16) return 2
  return payloadLength < 0x10000 ? 4 : 10
}

/** Writes an unmasked frame's header and returns where its payload begins. `firstByte`: FIN, RSV1 and opcode. */
export function writeFrameHeader(target: Uint8Array, offset: number, firstByte: number, payloadLength: number): number {
  target[offset] = firstByte
  // RFC 6455 §5.2: the minimal number of bytes must be used.
  if (payloadLength < LENGTH_16) {
    target[offset + 1] = payloadLength
    return offset + 2
  }
  if (payloadLength < 0x10000) {
    target[offset + 1] = LENGTH_16
    target[offset + 2] = payloadLength >>> 8
    target[offset + 3] = payloadLength
    return offset + 4
  }
  target[offset + 1] = LENGTH_64
  writeUint32(target, offset + 2, Math.floor(payloadLength / UINT32_VALUES))
  writeUint32(target, offset + 6, payloadLength)
  return offset + 10
}

/** Writes an unmasked frame, its payload copied, and returns where it ends. `target` has room for it. */
export function writeFrame(target: Buffer, offset: number, firstByte: number, payload: Uint8Array): number {
  const start = writeFrameHeader(target, offset, firstByte, payload.length)
  copyBytes(payload, target, start)
  return start + payload.length
}

/**
 * Writes an unmasked frame with `text` as its payload and returns where it ends. `byteLength` is
 * `Buffer.byteLength(text)`; lone surrogates become U+FFFD. `target` has room for it.
 */
export function writeTextFrame(
  target: Buffer,
  offset: number,
  firstByte: number,
  text: string,
  byteLength: number,
): number {
  const start = writeFrameHeader(target, offset, firstByte, byteLength)
  // As many bytes as characters means ASCII, which is copied, not encoded.
  target.write(text, start, byteLength, byteLength === text.length ? 'latin1' : 'utf8')
  return start + byteLength
}

/**
 * One unmasked frame in a buffer of its own.
 *
 * @throws ShardwsError ARGUMENT_INVALID for a control frame that is longer than 125 bytes or not final.
 */
export function encodeFrame(opcode: Opcode, payload: Uint8Array, options?: FrameOptions): Buffer {
  const firstByte = firstByteOf(opcode, payload.length, options)
  const frame = Buffer.allocUnsafe(frameHeaderSize(payload.length) + payload.length)
  writeFrame(frame, 0, firstByte, payload)
  return frame
}

/**
 * One frame as a client sends it. `maskKey`: 32 random bits, the first key byte lowest; `payload` is left as it is.
 *
 * @throws ShardwsError ARGUMENT_INVALID for a control frame that is longer than 125 bytes or not final.
 */
export function encodeMaskedFrame(
  opcode: Opcode,
  payload: Uint8Array,
  maskKey: number,
  options?: FrameOptions,
): Buffer {
  const firstByte = firstByteOf(opcode, payload.length, options)
  const headerSize = frameHeaderSize(payload.length)
  const start = headerSize + MASK_KEY_BYTES
  const frame = Buffer.allocUnsafe(start + payload.length)
  writeFrameHeader(frame, 0, firstByte, payload.length)
  // RFC 6455 §5.3
  frame[1] = (frame[1] as number) | MASK
  frame.writeInt32LE(maskKey | 0, headerSize)
  copyBytes(payload, frame, start)
  unmask(frame, start, frame.length, maskKey, 0)
  return frame
}

function firstByteOf(opcode: Opcode, payloadLength: number, options: FrameOptions = {}): number {
  const { fin = true, rsv1 = false } = options
  // RFC 6455 §5.5
  if ((opcode & CONTROL_BIT) !== 0 && (payloadLength > MAX_CONTROL_PAYLOAD || !fin || rsv1)) {
    throw new ShardwsError(
      'ARGUMENT_INVALID',
      `payload of a control frame must have at most ${MAX_CONTROL_PAYLOAD} bytes, in one plain frame; send a message instead`,
    )
  }
  return (fin ? FIN : 0) | (rsv1 ? RSV1 : 0) | opcode
}

function writeUint32(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value >>> 24
  target[offset + 1] = value >>> 16
  target[offset + 2] = value >>> 8
  target[offset + 3] = value
}
