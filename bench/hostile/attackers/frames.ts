/** First bytes of frames, RFC 6455 §5.2. */
export const CONTINUATION = 0x00
export const BINARY_FRAGMENT = 0x02
export const FIN_TEXT = 0x81
export const FIN_BINARY = 0x82
export const FIN_CLOSE = 0x88
export const FIN_PING = 0x89
/** RSV1: compressed, RFC 7692 §6. */
export const FIN_COMPRESSED_BINARY = 0xc2

const MASKED = 0x80
const NO_BYTES = Buffer.alloc(0)

/**
 * A frame as a hostile client may send it: `declaredBytes` need not be what follows. The masking key is 0, because
 * the server cannot tell and unmasks all the same.
 */
export function frame(firstByte: number, payload: Uint8Array = NO_BYTES, declaredBytes = payload.length): Buffer {
  return Buffer.concat([header(firstByte, declaredBytes), Buffer.alloc(4), payload])
}

function header(firstByte: number, declaredBytes: number): Buffer {
  if (declaredBytes < 126) return Buffer.of(firstByte, MASKED | declaredBytes)
  if (declaredBytes <= 0xffff) return Buffer.of(firstByte, MASKED | 126, declaredBytes >> 8, declaredBytes & 0xff)
  const long = Buffer.alloc(10)
  long[0] = firstByte
  long[1] = MASKED | 127
  long.writeBigUInt64BE(BigInt(declaredBytes), 2)
  return long
}

export function repeat(frames: Buffer, times: number): Buffer {
  return Buffer.concat(Array.from({ length: times }, () => frames))
}
