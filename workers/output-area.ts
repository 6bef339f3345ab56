const FIRST_BYTES = 64 * 1024
/** An area that grew beyond this is let go after its message: room for 1 MiB and for noticing that it is more. */
const KEPT_BYTES = 1024 * 1024 + 1
const GROWTH = 4

const NO_BYTES = Buffer.alloc(0)

/**
 * Where a stream's output goes, one message at a time: grown by what arrives, never beyond the message's limit,
 * and kept for the next message. While it grows, 64 KiB more than the limit are in use, and half as much again as
 * a limit above 1 MiB.
 */
export class OutputArea {
  /** Output is written here, from `length` on; its own length says nothing about the room there is. */
  bytes = NO_BYTES
  /** Bytes of the message at hand. */
  length = 0
  #limit = 0

  /** Forgets the last message: what `take` returned is written over. `limit` in bytes. */
  begin(limit: number): void {
    if (this.bytes.length === 0) this.bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
    this.length = 0
    this.#limit = limit
  }

  /** Bytes that may still follow; one more than the limit allows has room, so that passing it is noticed. */
  get allowance(): number {
    return this.#limit - this.length
  }

  /** How many bytes can be written at `length`; 0 if the message is over its limit. */
  makeRoom(): number {
    const end = this.#limit + 1
    if (this.length === this.bytes.length && this.length < end) this.#grow(end)
    return Math.min(this.bytes.length, end) - this.length
  }

  /** Copies `part` to the end; returns whether the limit allows it. */
  append(part: Uint8Array): boolean {
    if (part.length > this.allowance) return false
    let at = 0
    while (at < part.length) {
      const room = Math.min(this.makeRoom(), part.length - at)
      this.bytes.set(part.subarray(at, at + room), this.length)
      this.length += room
      at += room
    }
    return true
  }

  /** The message without its last `dropped` bytes; valid until the next `begin`. */
  take(dropped = 0): Buffer {
    const message = this.bytes.subarray(0, this.length - dropped)
    this.release()
    return message
  }

  /** Lets go of the memory if it is too much to keep. */
  release(): void {
    if (this.bytes.length > KEPT_BYTES) this.bytes = NO_BYTES
  }

  #grow(end: number): void {
    const next = Math.max(KEPT_BYTES, this.bytes.length * GROWTH)
    // A last step from just below the limit would need twice its memory.
    const grown = Buffer.allocUnsafeSlow(next * 2 > end ? end : next)
    grown.set(this.bytes, 0)
    this.bytes = grown
  }
}
