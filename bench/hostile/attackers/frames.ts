import { frameHeader, MASKED } from '../../load/frames.ts'

/** First bytes that only an attacker sends, RFC 6455 §5.2. */
export const CONTINUATION = 0x00
export const BINARY_FRAGMENT = 0x02
/** RSV1: compressed, RFC 7692 §6. */
export const FIN_COMPRESSED_BINARY = 0xc2

const NO_BYTES = Buffer.alloc(0)

/**
 * A frame as a hostile client may send it: `declaredBytes` need not be what follows. The masking key is 0, because
 * the server cannot tell and unmasks all the same.
 */
export function frame(firstByte: number, payload: Uint8Array = NO_BYTES, declaredBytes = payload.length): Buffer {
  return Buffer.concat([frameHeader(firstByte, declaredBytes, MASKED), Buffer.alloc(4), payload])
}

export function repeat(frames: Buffer, times: number): Buffer {
  return Buffer.concat(Array.from({ length: times }, () => frames))
}
