import { randomBytes } from 'node:crypto'

const FIN_BINARY = 0x82
const MASKED = 0x80

/** A whole frame as a client sends it. RFC 6455 §5.3: masked, with a key nobody can predict. */
export function clientFrame(payload: Uint8Array): Buffer {
  const key = randomBytes(4)
  const masked = Buffer.from(payload)
  for (let i = 0; i < masked.length; i++) masked[i] = (masked[i] ?? 0) ^ (key[i & 3] ?? 0)
  return Buffer.concat([header(payload.length, MASKED), key, masked])
}

/** The bytes a server must answer with: one unmasked frame, its length in the shortest form (RFC 6455 §5.2). */
export function serverFrame(payload: Uint8Array): Buffer {
  return Buffer.concat([header(payload.length, 0), payload])
}

function header(length: number, maskBit: number): Buffer {
  if (length < 126) return Buffer.from([FIN_BINARY, maskBit | length])
  if (length > 0xffff) throw new RangeError('payloads above 65535 bytes are not part of any workload')
  return Buffer.from([FIN_BINARY, maskBit | 126, length >> 8, length & 0xff])
}
