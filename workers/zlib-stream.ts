import type { OutputArea } from './output-area.ts'

/** Instead of a position: the input is no valid DEFLATE data, or it ended too early for `Z_FINISH`. */
export const CORRUPT = -1
/** Instead of a position: the output passed its limit. */
export const OVER_LIMIT = -2

/** Raw DEFLATE in one direction, worked synchronously on this thread, with a context from message to message. */
export interface ZlibStream {
  /**
   * Works `input` and then `tail` off and appends what comes out to `output`. Returns how many bytes of both it has
   * used, which are fewer than all if the data ended, or CORRUPT or OVER_LIMIT; the stream is then of no more use.
   *
   * @param flush one of zlib's constants: `Z_SYNC_FLUSH` keeps the context, `Z_FULL_FLUSH` and `Z_FINISH` end it.
   */
  write(input: Uint8Array, tail: Uint8Array, flush: number, output: OutputArea): number
  /** Forgets the context. */
  reset(): void
  /** Frees zlib's memory now. May be called twice. */
  close(): void
}

export interface DeflateParameters {
  /** zlib's effort, 1 to 9. */
  readonly level: number
  /** zlib's memory, 1 to 9. */
  readonly memLevel: number
  /** Base-2 logarithm of the window in bytes, 9 to 15. */
  readonly windowBits: number
}

/** One way to reach zlib. What one compresses every other one inflates. */
export interface ZlibEngine {
  readonly name: string
  createDeflate(parameters: DeflateParameters): ZlibStream
  /** `windowBits`: 8 to 15, at least those of the sender. */
  createInflate(windowBits: number): ZlibStream
}
