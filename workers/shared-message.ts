import { SendFlag } from '../src/shared/messages.ts'
import { frameHeaderSize, writeFrame } from '../src/shared/protocol/frame-writer.ts'
import { RSV1 } from '../src/shared/protocol/opcodes.ts'
import type { Agreement } from '../src/shared/protocol/permessage-deflate.ts'
import type { Compression } from './compression.ts'

interface CompressedFrame {
  readonly frame: Buffer
  readonly bodyBytes: number
}

/** A message for many connections of a shard: framed once, and compressed once for each window size among them. */
export class SharedMessage {
  /** Complete, header included. */
  readonly frame: Buffer
  readonly payloadBytes: number
  /** Null when it is to be sent as it is. */
  readonly #compression: Compression | null
  /** By window bits; null where compressing does not pay. */
  readonly #compressed = new Map<number, CompressedFrame | null>()

  constructor(frame: Buffer, payloadBytes: number, flags: number, threshold: number, compression: Compression | null) {
    this.frame = frame
    this.payloadBytes = payloadBytes
    const isPlain = (flags & SendFlag.PLAIN) !== 0 || payloadBytes < threshold
    this.#compression = isPlain ? null : compression
  }

  /** The frame with RSV1 for a connection with this agreement, or null to send `frame`. */
  compressedFor({ serverMaxWindowBits }: Agreement): CompressedFrame | null {
    if (this.#compression === null) return null
    let compressed = this.#compressed.get(serverMaxWindowBits)
    if (compressed === undefined) {
      compressed = this.#compress(this.#compression, serverMaxWindowBits)
      this.#compressed.set(serverMaxWindowBits, compressed)
    }
    return compressed
  }

  #compress(compression: Compression, windowBits: number): CompressedFrame | null {
    const payload = this.frame.subarray(this.frame.length - this.payloadBytes)
    const body = compression.deflateShared(payload, windowBits)
    if (body.length >= payload.length) return null
    const frame = Buffer.allocUnsafe(frameHeaderSize(body.length) + body.length)
    writeFrame(frame, 0, (this.frame[0] ?? 0) | RSV1, body)
    return { frame, bodyBytes: body.length }
  }
}
