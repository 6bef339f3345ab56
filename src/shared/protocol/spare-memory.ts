import { congruentOffset, copyBytes } from './copy-bytes.ts'

/** Shorter memory is not worth a search. */
const LEAST_BYTES = 8 * 1024
const MOST_BYTES = 8 * 1024 * 1024
/** Bounds the search. */
const MOST_PIECES = 64
/** Messages of one length differ by a header and an alignment; rounded up, the memory of each does for the next. */
const STEP_BYTES = 1024

/** Where the memory of long messages comes from. */
export interface MessageMemory {
  /** All of an ArrayBuffer, of so many bytes or a quarter more at most. What is in it is nobody's business. */
  take(bytes: number): Buffer
  /** Nobody will look into this memory any more, all of which was the caller's. */
  give(memory: ArrayBufferLike): void
}

/** None is kept. */
export const FRESH_MEMORY: MessageMemory = { take: (bytes) => Buffer.allocUnsafeSlow(bytes), give: () => {} }

/**
 * Memory of messages that have left this thread or were outgrown, for those that follow: at most 8 MiB. Fresh memory is in no
 * cache, costs page faults, and counts towards the next collection.
 */
export class SpareMemory implements MessageMemory {
  readonly #spare: ArrayBuffer[] = []
  #bytes = 0

  /** Bytes kept. */
  get bytes(): number {
    return this.#bytes
  }

  take(bytes: number): Buffer {
    const size = reusableSize(bytes)
    // The latest first: it may still be in the cache.
    for (let at = this.#spare.length - 1; at >= 0; at--) {
      const memory = this.#spare[at] as ArrayBuffer
      if (memory.byteLength < bytes || memory.byteLength > size + (bytes >> 3)) continue
      this.#spare.splice(at, 1)
      this.#bytes -= memory.byteLength
      return Buffer.from(memory)
    }
    return Buffer.allocUnsafeSlow(size)
  }

  give(memory: ArrayBufferLike): void {
    const { byteLength } = memory
    // What was transferred meanwhile has no bytes any more.
    if (byteLength < LEAST_BYTES || byteLength > MOST_BYTES || !(memory instanceof ArrayBuffer)) return
    this.#spare.push(memory)
    this.#bytes += byteLength
    while (this.#bytes > MOST_BYTES || this.#spare.length > MOST_PIECES) this.#forgetOldest()
  }

  /** A copy in memory of its own. */
  copyOf(bytes: Uint8Array): Buffer {
    const start = congruentOffset(bytes.byteOffset)
    const copy = this.take(start + bytes.length).subarray(start, start + bytes.length)
    copyBytes(bytes, copy, 0)
    return copy
  }

  #forgetOldest(): void {
    this.#bytes -= this.#spare.shift()?.byteLength ?? 0
  }
}

/** As many bytes as memory should have that is to be used again by whoever needs about as much. */
export function reusableSize(bytes: number): number {
  return bytes < LEAST_BYTES ? bytes : Math.ceil(bytes / STEP_BYTES) * STEP_BYTES
}
