import { copyBytes } from '../src/shared/protocol/copy-bytes.ts'

const FIRST_BYTES = 1024

/** The last so many bytes of everything added, in a ring that grows with what arrives. */
export class RecentBytes {
  /** A power of two. */
  readonly #capacity: number
  /** Nothing has been written over as long as it is smaller than the capacity. */
  #ring = new Uint8Array(0)
  /** Bytes added since it was empty. */
  #added = 0

  /** @param capacity a power of two. */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  add(bytes: Uint8Array): void {
    const kept = bytes.length > this.#capacity ? bytes.subarray(bytes.length - this.#capacity) : bytes
    this.#makeRoom(this.#added + kept.length)
    const at = this.#added % this.#capacity
    const untilEnd = Math.min(kept.length, this.#capacity - at)
    copyBytes(kept.subarray(0, untilEnd), this.#ring, at)
    if (untilEnd < kept.length) copyBytes(kept.subarray(untilEnd), this.#ring, 0)
    this.#added += kept.length
  }

  clear(): void {
    this.#added = 0
  }

  /** A copy that owns its memory. */
  copy(): Uint8Array {
    const length = Math.min(this.#added, this.#capacity)
    const copy = new Uint8Array(length)
    const oldest = (this.#added - length) % this.#capacity
    const untilEnd = Math.min(length, this.#capacity - oldest)
    copy.set(this.#ring.subarray(oldest, oldest + untilEnd))
    copy.set(this.#ring.subarray(0, length - untilEnd), untilEnd)
    return copy
  }

  #makeRoom(needed: number): void {
    const size = this.#ring.length
    if (size >= this.#capacity || size >= needed) return
    let grown = Math.max(size, FIRST_BYTES)
    while (grown < needed && grown < this.#capacity) grown *= 2
    const ring = new Uint8Array(Math.min(grown, this.#capacity))
    ring.set(this.#ring)
    this.#ring = ring
  }
}
