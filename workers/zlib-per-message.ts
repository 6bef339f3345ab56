import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import type { OutputArea } from './output-area.ts'
import { CORRUPT, type DeflateParameters, OVER_LIMIT, type ZlibEngine, type ZlibStream } from './zlib-stream.ts'

/** Bytes: the largest LZ77 window. */
const HISTORY_BYTES = 32 * 1024

/**
 * zlib through Node's public functions: a context per message, several times slower. What the previous messages
 * would have left in the window is handed over as the dictionary, so the bytes on the wire mean the same.
 */
export const PER_MESSAGE_ENGINE: ZlibEngine = {
  name: 'per-message',
  createDeflate: (parameters) => new DeflatePerMessage(parameters),
  createInflate: (windowBits) => new InflatePerMessage(windowBits),
}

class DeflatePerMessage implements ZlibStream {
  readonly #parameters: DeflateParameters
  readonly #history = new History()

  constructor(parameters: DeflateParameters) {
    this.#parameters = parameters
  }

  write(input: Uint8Array, _tail: Uint8Array, flush: number, output: OutputArea): number {
    const options = { ...this.#parameters, ...this.#history.options, finishFlush: flush }
    if (!output.append(deflateRawSync(input, options))) return OVER_LIMIT
    if (flush === constants.Z_SYNC_FLUSH) this.#history.add(input)
    else this.reset()
    return input.length
  }

  reset(): void {
    this.#history.clear()
  }

  close(): void {
    this.reset()
  }
}

class InflatePerMessage implements ZlibStream {
  readonly #windowBits: number
  readonly #history = new History()

  constructor(windowBits: number) {
    this.#windowBits = windowBits
  }

  write(input: Uint8Array, tail: Uint8Array, flush: number, output: OutputArea): number {
    const inflated = this.#inflate(Buffer.concat([input, tail]), flush, output.allowance)
    if (typeof inflated === 'number') return inflated
    const { buffer, engine } = inflated
    if (!output.append(buffer)) return OVER_LIMIT
    this.#history.add(buffer)
    return engine.bytesWritten
  }

  reset(): void {
    this.#history.clear()
  }

  close(): void {
    this.reset()
  }

  #inflate(data: Buffer, flush: number, allowance: number): Inflated | number {
    const options = {
      ...this.#history.options,
      windowBits: this.#windowBits,
      finishFlush: flush,
      maxOutputLength: Math.max(1, allowance),
      info: true,
    }
    try {
      // With `info` the result is not the buffer alone, which the types do not know.
      return inflateRawSync(data, options) as unknown as Inflated
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? OVER_LIMIT : CORRUPT
    }
  }
}

interface Inflated {
  readonly buffer: Buffer
  /** `bytesWritten`: input that was used. */
  readonly engine: { readonly bytesWritten: number }
}

/** The end of everything that went through a stream. */
class History {
  #bytes: Uint8Array = Buffer.alloc(0)

  get options(): { dictionary?: Uint8Array } {
    return this.#bytes.length === 0 ? {} : { dictionary: this.#bytes }
  }

  add(bytes: Uint8Array): void {
    // A copy in any case: the caller's memory is used again.
    this.#bytes = Buffer.concat([this.#bytes, bytes]).subarray(-HISTORY_BYTES)
  }

  clear(): void {
    this.#bytes = Buffer.alloc(0)
  }
}
