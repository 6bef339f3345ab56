import { constants } from 'node:zlib'
import { type ErrorCode, ShardwsError } from '../src/shared/errors.ts'
import type { OutputArea } from './output-area.ts'
import { OVER_LIMIT, type ZlibEngine, type ZlibStream } from './zlib-stream.ts'

/** RFC 7692 §7.2.2: what the sender has left out, the rest of an empty block without compression. */
const FLUSH_TAIL = Buffer.of(0x00, 0x00, 0xff, 0xff)
/** The same and an empty final block: data that was cut off does not get there, so it is noticed. */
const FINAL_TAIL = Buffer.of(0x00, 0x00, 0xff, 0xff, 0x03, 0x00)
const NO_BYTES = Buffer.alloc(0)

/** Final blocks inside one message. A sender has one per flush; each costs us a reset and its sender two bytes. */
const MAX_FINAL_BLOCKS = 64

/** Bodies of compressed messages to messages, RFC 7692 §7.2.2. */
export class Inflater {
  readonly #engine: ZlibEngine
  readonly #windowBits: number
  readonly #maxPayload: number
  readonly #output: OutputArea
  /** Null until the first message, and after an error. */
  #stream: ZlibStream | null = null
  #mustReset = false

  /**
   * @param windowBits 8 to 15, at least those of the sender.
   * @param maxPayload bytes of an inflated message.
   * @param output may be shared with other inflaters.
   */
  constructor(engine: ZlibEngine, windowBits: number, maxPayload: number, output: OutputArea) {
    this.#engine = engine
    this.#windowBits = windowBits
    this.#maxPayload = maxPayload
    this.#output = output
  }

  /**
   * The message, valid until the next one goes to `output`, or MESSAGE_TOO_BIG or INVALID_COMPRESSED_DATA; the context
   * is empty after these. Whether text is UTF-8 is not checked.
   *
   * With `keepContext` a body that was cut off may go unnoticed until the next: messages are then parts of one stream.
   *
   * @param keepContext whether the next message may refer to this one.
   */
  inflate(body: Uint8Array, keepContext: boolean): Buffer | ShardwsError {
    // Some senders flush nothing to no bytes; RFC 7692 §7.2.3.6 has them send one.
    if (body.length === 0) return NO_BYTES
    this.#stream ??= this.#engine.createInflate(this.#windowBits)
    if (this.#mustReset) this.#stream.reset()
    this.#mustReset = !keepContext
    this.#output.begin(this.#maxPayload)
    const failure = this.#read(this.#stream, body, keepContext)
    if (failure === null) return this.#output.take()
    this.close()
    return new ShardwsError(failure)
  }

  close(): void {
    this.#stream?.close()
    this.#stream = null
    this.#mustReset = false
    this.#output.release()
  }

  /** Everything between `body`'s final blocks, should it have some. */
  #read(stream: ZlibStream, body: Uint8Array, keepContext: boolean): ErrorCode | null {
    const tail = keepContext ? FLUSH_TAIL : FINAL_TAIL
    const flush = keepContext ? constants.Z_SYNC_FLUSH : constants.Z_FINISH
    let rest = body
    for (let ends = 0; ends <= MAX_FINAL_BLOCKS; ends += 1) {
      const used = stream.write(rest, tail, flush, this.#output)
      if (used < 0) return used === OVER_LIMIT ? 'MESSAGE_TOO_BIG' : 'INVALID_COMPRESSED_DATA'
      if (used >= rest.length) return this.#readEnd(stream, used - rest.length, tail.length)
      // RFC 7692 §7.2.3.4: a final block may be followed by others, from the next byte on.
      rest = rest.subarray(used)
      stream.reset()
    }
    return 'INVALID_COMPRESSED_DATA'
  }

  /** Judges by how much of the tail was used where the data ended. */
  #readEnd(stream: ZlibStream, usedOfTail: number, tailLength: number): ErrorCode | null {
    if (usedOfTail === tailLength) return null
    // It ended in a final block: in the body's last byte, or in one that the tail completed.
    if (usedOfTail !== 0 && usedOfTail !== FLUSH_TAIL.length) return 'INVALID_COMPRESSED_DATA'
    stream.reset()
    return null
  }
}
