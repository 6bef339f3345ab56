import { randomBytes } from 'node:crypto'

/** RFC 6455 §5.2: FIN with the opcode; RFC 7692 §6: RSV1 says that the message is compressed. */
export const FIN_TEXT = 0x81
export const FIN_BINARY = 0x82
export const FIN_RSV1_TEXT = 0xc1
export const FIN_CLOSE = 0x88
export const FIN_PING = 0x89

export const MASKED = 0x80

/** A whole frame as a client sends it. RFC 6455 §5.3: masked, with a key nobody can predict. */
export function clientFrame(payload: Uint8Array, firstByte = FIN_BINARY): Buffer {
  const key = randomBytes(4)
  const masked = Buffer.from(payload)
  for (let i = 0; i < masked.length; i++) masked[i] = (masked[i] ?? 0) ^ (key[i & 3] ?? 0)
  return Buffer.concat([frameHeader(firstByte, payload.length, MASKED), key, masked])
}

/** The bytes a server must answer with: one unmasked frame, its length in the shortest form (RFC 6455 §5.2). */
export function serverFrame(payload: Uint8Array, firstByte = FIN_BINARY): Buffer {
  return Buffer.concat([frameHeader(firstByte, payload.length, 0), payload])
}

/** Up to the masking key; `length` is what it declares, in the shortest form. */
export function frameHeader(firstByte: number, length: number, maskBit: number): Buffer {
  if (length < 126) return Buffer.of(firstByte, maskBit | length)
  if (length <= 0xffff) return Buffer.of(firstByte, maskBit | 126, length >> 8, length & 0xff)
  const long = Buffer.alloc(10)
  long[0] = firstByte
  long[1] = maskBit | 127
  long.writeBigUInt64BE(BigInt(length), 2)
  return long
}
