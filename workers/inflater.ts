import { constants } from 'node:zlib'
import { type ErrorCode, ShardwsError } from '../src/shared/errors.ts'
import type { OutputArea } from './output-area.ts'
import { RecentBytes } from './recent-bytes.ts'
import { OVER_LIMIT, type ZlibEngine, type ZlibStream } from './zlib-stream.ts'

/** RFC 7692 §7.2.2: what the sender has left out, the rest of an empty block without compression. */
const FLUSH_TAIL = Buffer.of(0x00, 0x00, 0xff, 0xff)
/** The same and an empty final block: data that was cut off does not get there, so it is noticed. */
const FINAL_TAIL = Buffer.of(0x00, 0x00, 0xff, 0xff, 0x03, 0x00)
const NO_BYTES = Buffer.alloc(0)
const NO_TAIL = new Uint8Array(0)

/** Final blocks inside one message. A sender has one per flush; each costs us a reset and its sender two bytes. */
const MAX_FINAL_BLOCKS = 64

/** Bodies of compressed messages to messages, RFC 7692 §7.2.2. */
export class Inflater {
  readonly #engine: ZlibEngine
  readonly #windowBits: number
  readonly #maxPayload: number
  readonly #output: OutputArea
  /** What messages may refer to, for a stream that is made again; null where none refers to another. */
  readonly #history: RecentBytes | null
  /** Where in the message at hand the context begins. */
  #contextStart = 0
  /** Null until the first message, and after an error. */
  #stream: ZlibStream | null = null
  #mustReset = false

  /**
   * @param windowBits 8 to 15, at least those of the sender.
   * @param maxPayload bytes of an inflated message.
   * @param output may be shared with other inflaters.
   * @param isMovable whether `snapshot` may be asked for; costs a copy of the window.
   */
  constructor(engine: ZlibEngine, windowBits: number, maxPayload: number, output: OutputArea, isMovable = false) {
    this.#engine = engine
    this.#windowBits = windowBits
    this.#maxPayload = maxPayload
    this.#output = output
    this.#history = isMovable ? new RecentBytes(1 << windowBits) : null
  }

  /** The end of everything that the next message may refer to. */
  snapshot(): Uint8Array | null {
    return this.#history?.copy() ?? null
  }

  /** To be called before the first message. Costs no zlib memory until then. */
  restore(history: Uint8Array): void {
    this.#history?.add(history)
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
    this.#stream ??= this.#createStream()
    this.#output.begin(this.#maxPayload)
    this.#contextStart = 0
    if (this.#mustReset) this.#forget(this.#stream)
    this.#mustReset = !keepContext
    const failure = this.#read(this.#stream, body, keepContext)
    if (failure === null) {
      this.#history?.add(this.#output.bytes.subarray(this.#contextStart, this.#output.length))
      return this.#output.take()
    }
    this.close()
    return new ShardwsError(failure)
  }

  close(): void {
    this.#stream?.close()
    this.#stream = null
    this.#mustReset = false
    this.#history?.clear()
    this.#output.release()
  }

  /** The context of a former stream is had by sending its plaintext through, as a block without compression. */
  #createStream(): ZlibStream {
    const stream = this.#engine.createInflate(this.#windowBits)
    const history = this.snapshot() ?? NO_BYTES
    if (history.length === 0) return stream
    this.#output.begin(history.length)
    const used = stream.write(storedBlock(history), NO_TAIL, constants.Z_SYNC_FLUSH, this.#output)
    if (used < 0) throw new ShardwsError('SHARD_FAILED', 'zlib does not take a context back')
    return stream
  }

  /** What follows refers to nothing before it. */
  #forget(stream: ZlibStream): void {
    stream.reset()
    this.#history?.clear()
    this.#contextStart = this.#output.length
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
      this.#forget(stream)
    }
    return 'INVALID_COMPRESSED_DATA'
  }

  /** Judges by how much of the tail was used where the data ended. */
  #readEnd(stream: ZlibStream, usedOfTail: number, tailLength: number): ErrorCode | null {
    if (usedOfTail === tailLength) return null
    // It ended in a final block: in the body's last byte, or in one that the tail completed.
    if (usedOfTail !== 0 && usedOfTail !== FLUSH_TAIL.length) return 'INVALID_COMPRESSED_DATA'
    this.#forget(stream)
    return null
  }
}

/** RFC 1951 §3.2.4: up to 65,535 bytes as they are. A window is smaller. */
function storedBlock(bytes: Uint8Array): Buffer {
  const block = Buffer.allocUnsafeSlow(5 + bytes.length)
  block[0] = 0
  block.writeUInt16LE(bytes.length, 1)
  block.writeUInt16LE(bytes.length ^ 0xffff, 3)
  block.set(bytes, 5)
  return block
}
