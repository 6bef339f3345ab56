import { congruentOffset, copyBytes } from './copy-bytes.ts'
import { FRESH_MEMORY, type MessageMemory } from './spare-memory.ts'

/** Bytes of room between the fragments of a message, besides a quarter of what has arrived. */
const SPARE_ROOM = 512
/** A frame is given room for this many times what has arrived, or all it needs when that would be most of it. */
const GROWTH = 4
const MOST = 3 / 4

/**
 * Payload that is collected until it is complete, in one buffer. Room follows what has arrived: a header
 * that declares a gigabyte costs its sender a quarter of a gigabyte before it costs us one, and a
 * stream of tiny fragments keeps 1.25 times its bytes. Each byte is copied a few times, however it was cut.
 */
export class MessageBuffer {
  /** Bytes collected. */
  length: number
  private bytes: Buffer
  /** The payload begins where copies of it are fast: see `copyBytes`. */
  private readonly start: number
  private readonly memory: MessageMemory

  private constructor(bytes: Buffer, start: number, length: number, memory: MessageMemory) {
    this.bytes = bytes
    this.start = start
    this.length = length
    this.memory = memory
  }

  /** Adds `part` to `buffer`, or to a new one. `missing`: bytes of the frame that are still to come. */
  static append(buffer: MessageBuffer | null, part: Buffer, missing: number, memory = FRESH_MEMORY): MessageBuffer {
    const target = buffer ?? MessageBuffer.create(part, missing, memory)
    const room = roomFor(target.length + part.length, missing)
    // Were there room just for the frame at hand, every frame would copy all that came before it.
    target.add(part, missing === 0 ? room : Math.max(room, target.length + (target.length >> 1)))
    return target
  }

  /** For `restore`, perhaps on another thread. */
  snapshot(): Uint8Array {
    // Not `slice`, which may take memory of Node's pool: that cannot be given to another thread.
    return new Uint8Array(this.bytes.subarray(this.start, this.start + this.length))
  }

  /** Takes over `bytes`. */
  static restore(bytes: Uint8Array): MessageBuffer {
    return new MessageBuffer(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length, FRESH_MEMORY)
  }

  private static create(first: Buffer, missing: number, memory: MessageMemory): MessageBuffer {
    const start = congruentOffset(first.byteOffset)
    return new MessageBuffer(memory.take(start + roomFor(first.length, missing)), start, 0, memory)
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
      const grown = this.memory.take(this.start + room)
      copyBytes(this.bytes.subarray(this.start, end), grown, this.start)
      this.memory.give(this.bytes.buffer)
      this.bytes = grown
    }
    copyBytes(part, this.bytes, end)
    this.length = needed
  }
}

function roomFor(arrived: number, missing: number): number {
  if (missing === 0) return arrived + (arrived >> 2) + SPARE_ROOM
  const all = arrived + missing
  return arrived * GROWTH >= all * MOST ? all : arrived * GROWTH
}
