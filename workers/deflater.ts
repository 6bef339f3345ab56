import { constants } from 'node:zlib'
import { ShardwsError } from '../src/shared/errors.ts'
import type { OutputArea } from './output-area.ts'
import type { ZlibStream } from './zlib-stream.ts'

/** What a flush ends with, 00 00 FF FF, is not sent: RFC 7692 §7.2.1. */
const FLUSH_TAIL_BYTES = 4
const NO_TAIL = new Uint8Array(0)
/** RFC 7692 §7.2.3.6: zlib has nothing to flush after nothing. */
const EMPTY_MESSAGE = Buffer.of(0x00)

/** Messages to the bodies of compressed messages, RFC 7692 §7.2.1. */
export class Deflater {
  readonly #stream: ZlibStream
  readonly #output: OutputArea

  /** @param output may be shared with other deflaters, not with what `payload` comes from. */
  constructor(stream: ZlibStream, output: OutputArea) {
    this.#stream = stream
    this.#output = output
  }

  /**
   * The body to send with RSV1 set, valid until the next message goes to `output`: whoever keeps it copies it.
   *
   * @param keepContext whether the next message may refer to this one; if not, any receiver can inflate it by itself.
   */
  deflate(payload: Uint8Array, keepContext: boolean): Buffer {
    if (payload.length === 0) return EMPTY_MESSAGE
    this.#output.begin(Number.POSITIVE_INFINITY)
    const flush = keepContext ? constants.Z_SYNC_FLUSH : constants.Z_FULL_FLUSH
    const used = this.#stream.write(payload, NO_TAIL, flush, this.#output)
    if (used !== payload.length) throw new ShardwsError('SHARD_FAILED', 'zlib ran out of memory')
    return this.#output.take(FLUSH_TAIL_BYTES)
  }

  /** The next message refers to no other. */
  reset(): void {
    this.#stream.reset()
  }

  close(): void {
    this.#stream.close()
  }
}
