import { constants, inflateRawSync } from 'node:zlib'
import { FIN_RSV1_TEXT } from './frames.ts'
import type { Replies } from './replies.ts'

const LENGTH_16 = 126
const NONE = Buffer.alloc(0)

/** RFC 7692 §7.2.2 */
const TAIL = Buffer.of(0x00, 0x00, 0xff, 0xff)

/** A server that compresses one message in more ways than this is checked more slowly, not less. */
const MAX_KNOWN_FRAMES = 8

/**
 * The compressed echoes of one message. How a server compresses is its own affair, but without context takeover the
 * same message nearly always becomes the same bytes: a frame that was inflated and compared once is only compared
 * with itself from then on. Inflating each would cost the load more than the server.
 */
export class CompressedReplies implements Replies {
  readonly #payload: Buffer
  readonly #knownFrames: Buffer[] = []
  #partial = NONE

  constructor(payload: Buffer) {
    this.#payload = payload
  }

  take(read: Buffer, length: number): number | string {
    const fresh = read.subarray(0, length)
    const bytes = this.#partial.length === 0 ? fresh : Buffer.concat([this.#partial, fresh])
    let frames = 0
    let at = 0
    for (let size = frameSize(bytes, at); size !== null; size = frameSize(bytes, at)) {
      const fault = this.#check(bytes.subarray(at, at + size.header + size.payload), size.header)
      if (fault !== null) return fault
      at += size.header + size.payload
      frames += 1
    }
    // A copy: the read buffer is about to be used again.
    this.#partial = at === bytes.length ? NONE : Buffer.from(bytes.subarray(at))
    return frames
  }

  #check(frame: Buffer, headerBytes: number): string | null {
    if (this.#knownFrames.some((known) => known.equals(frame))) return null
    if (frame[0] !== FIN_RSV1_TEXT) return 'a reply is not a compressed text in one frame'
    if (!this.#isEcho(frame.subarray(headerBytes))) return 'a reply differs from the message sent'
    this.#knownFrames.unshift(Buffer.from(frame))
    this.#knownFrames.length = Math.min(this.#knownFrames.length, MAX_KNOWN_FRAMES)
    return null
  }

  #isEcho(body: Buffer): boolean {
    const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: this.#payload.length + 1 }
    try {
      return inflateRawSync(Buffer.concat([body, TAIL]), options).equals(this.#payload)
    } catch {
      return false
    }
  }
}

/** Of the frame at `at`, in bytes; null while it is incomplete. A longer form or a mask is found to be no echo. */
function frameSize(bytes: Buffer, at: number): { header: number; payload: number } | null {
  if (bytes.length < at + 4) return null
  const length = bytes[at + 1] ?? 0
  const size =
    length === LENGTH_16 ? { header: 4, payload: bytes.readUInt16BE(at + 2) } : { header: 2, payload: length & 0x7f }
  return bytes.length < at + size.header + size.payload ? null : size
}
