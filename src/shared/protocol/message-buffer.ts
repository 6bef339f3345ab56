import { congruentOffset, copyBytes } from './copy-bytes.ts'

/** Bytes of room between the fragments of a message, besides a quarter of what has arrived. */
const SPARE_ROOM = 512
/** A frame is given room for this many times what has arrived, never more than its declared length. */
const GROWTH = 4

/**
 * Payload that is collected until it is complete, in one buffer. Room follows what has arrived: a header
 * that declares a gigabyte costs its sender a quarter of a gigabyte before it costs us one, and a
 * stream of tiny fragments keeps 1.25 times its bytes.
 */
export class MessageBuffer {
  /** Bytes collected. */
  length = 0
  private bytes: Buffer
  /** The payload begins where copies of it are fast: see `copyBytes`. */
  private readonly start: number

  private constructor(first: Buffer, missing: number) {
    this.start = congruentOffset(first.byteOffset)
    this.bytes = Buffer.allocUnsafeSlow(this.start + roomFor(first.length, missing))
  }

  /** Adds `part` to `buffer`, or to a new one. `missing`: bytes of the frame that are still to come. */
  static append(buffer: MessageBuffer | null, part: Buffer, missing: number): MessageBuffer {
    const target = buffer ?? new MessageBuffer(part, missing)
    target.add(part, roomFor(target.length + part.length, missing))
    return target
  }

  /** All of the payload, `lastPart` included; a view of the latter if there was nothing before. */
  static complete(buffer: MessageBuffer | null, lastPart: Buffer): Buffer {
    if (buffer === null) return lastPart
    buffer.add(lastPart, buffer.length + lastPart.length)
    return buffer.bytes.subarray(buffer.start, buffer.start + buffer.length)
  }

  /** `room`: payload bytes to make room for, should the room at hand not do. */
  private add(part: Buffer, room: number): void {
    const end = this.start + this.length
    const needed = this.length + part.length
    if (this.start + needed > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(this.start + room)
      copyBytes(this.bytes.subarray(this.start, end), grown, this.start)
      this.bytes = grown
    }
    copyBytes(part, this.bytes, end)
    this.length = needed
  }
}

function roomFor(arrived: number, missing: number): number {
  return missing > 0 ? Math.min(arrived + missing, arrived * GROWTH) : arrived + (arrived >> 2) + SPARE_ROOM
}
