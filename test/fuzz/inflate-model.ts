import { constants, inflateRawSync, type ZlibOptions } from 'node:zlib'

const FLUSH_TAIL = Buffer.of(0x00, 0x00, 0xff, 0xff)
const FINAL_BLOCK = Buffer.of(0x03, 0x00)

/** More than any session inflates to, unless it means harm. */
const MOST = 8 * 1024 * 1024

/** Client to server, RFC 7692 §7.2.2, on node:zlib. */
export class InflateModel {
  readonly #keepsContext: boolean
  readonly #windowBits: number
  readonly #maxPayload: number
  /** The end of what came before. */
  #window = Buffer.alloc(0)

  /** @param agreed `Sec-WebSocket-Extensions` of the answer. */
  constructor(agreed: string, maxPayload: number) {
    this.#keepsContext = !agreed.includes('client_no_context_takeover')
    this.#windowBits = Math.max(9, Number(/client_max_window_bits=(\d+)/.exec(agreed)?.[1] ?? 15))
    this.#maxPayload = maxPayload
  }

  /**
   * The message; `corrupt`, when no decoder can read it; `uncertain`, when decoders differ: data behind a final block,
   * data that was cut off but reads on in the next message, distances beyond the agreed window.
   */
  inflate(body: Buffer): Buffer | 'corrupt' | 'uncertain' {
    // RFC 7692 §7.2.3.6 has nothing sent as one byte; some senders send none, and zlib alone would call that corrupt.
    if (body.length === 0) return body
    const whole = Buffer.concat([body, FLUSH_TAIL, FINAL_BLOCK])
    const lax = inflated(whole, { ...this.#dictionary(), windowBits: 15 })
    if (lax === null) {
      // With a context that is kept, what is wrong only with the tail behind it may belong to the next message.
      const isCutOff = inflated(body, { ...this.#dictionary(), finishFlush: constants.Z_SYNC_FLUSH }) !== null
      return this.#keepsContext && isCutOff ? 'uncertain' : 'corrupt'
    }
    if (lax.used !== whole.length) return 'uncertain'
    // zlib holds distances against its window only from one chunk to the next.
    const strict = { ...this.#dictionary(), windowBits: this.#windowBits, chunkSize: 2 ** this.#windowBits / 4 }
    if (lax.payload.length <= this.#maxPayload && inflated(whole, strict) === null) return 'uncertain'
    if (this.#keepsContext) this.#window = Buffer.concat([this.#window, lax.payload]).subarray(-(2 ** 15))
    return lax.payload
  }

  #dictionary(): ZlibOptions {
    return this.#window.length > 0 ? { dictionary: this.#window } : {}
  }
}

function inflated(bytes: Buffer, options: ZlibOptions): { payload: Buffer; used: number } | null {
  try {
    const result = inflateRawSync(bytes, { ...options, maxOutputLength: MOST, info: true }) as unknown
    const { buffer, engine } = result as { buffer: Buffer; engine: { bytesWritten: number } }
    return { payload: buffer, used: engine.bytesWritten }
  } catch {
    return null
  }
}
