import { Counter, type CounterRow } from '../src/shared/counters.ts'
import { frameHeaderSize, writeFrame, writeTextFrame } from '../src/shared/protocol/frame-writer.ts'
import { FRESH_MEMORY, type MessageMemory } from '../src/shared/protocol/spare-memory.ts'

/** A write that the kernel does not take keeps all of a block in use. */
const BLOCK_BYTES = 64 * 1024

/** Blocks that a shard keeps for the ticks that follow, 2 MiB in all: fresh memory costs page faults and collections. */
const SPARE_BLOCKS = 32

/** A frame this large gets a buffer of its own: it would waste much of a block. */
const OWN_BUFFER_BYTES = 32 * 1024

/** Where the slices of long frames are built: fewer writes than blocks would make, and still in the cache. */
const SLICE_BYTES = 256 * 1024

/** Pieces from this size on are written apart (writev) instead of being copied together. */
const WRITE_APART_BYTES = 64 * 1024

/** Whose memory the bytes of a piece are in. */
export const Ownership = {
  /** Of nobody in particular: other queues may have the same bytes. */
  SHARED: 0,
  /** A block's, in which more may be appended in place. Such a piece belongs to one queue only. */
  BLOCK: 1,
  /** The piece's, all of it. Such a piece belongs to one queue only. */
  OWN: 2,
} as const
type Ownership = (typeof Ownership)[keyof typeof Ownership]

/**
 * A stretch of output, linked to what precedes it in its queue. Queues that got the same frames in the
 * same order end in the same piece, so a room's bytes are joined once, however many members it has.
 */
export class Piece {
  readonly bytes: Buffer
  readonly start: number
  end: number
  readonly previous: Piece | null
  readonly ownership: Ownership
  /** Whether this piece or one before it has memory of its own. */
  readonly ownsMemory: boolean
  /** The piece that followed this one last, so that the next queue with the same history finds it. */
  #next: Piece | null = null
  #joined: Buffer | null = null

  constructor(previous: Piece | null, bytes: Buffer, start: number, end: number, ownership: Ownership) {
    this.previous = previous
    this.bytes = bytes
    this.start = start
    this.end = end
    this.ownership = ownership
    this.ownsMemory = ownership === Ownership.OWN || previous?.ownsMemory === true
  }

  followedBy(frame: Buffer): Piece {
    if (this.#next === null || this.#next.bytes !== frame) {
      this.#next = new Piece(this, frame, 0, frame.length, Ownership.SHARED)
    }
    return this.#next
  }

  /** Gives away what memory of their own the pieces up to here have: nobody looks into it any more. */
  release(memory: MessageMemory): void {
    if (!this.ownsMemory) return
    for (let piece: Piece | null = this; piece !== null; piece = piece.previous) {
      if (piece.ownership === Ownership.OWN) memory.give(piece.bytes.buffer)
    }
  }

  /** The whole chain up to here as few buffers, in order. */
  parts(): Buffer[] {
    if (this.previous === null) return [this.#own()]
    if (this.#joined !== null) return [this.#joined]
    const pieces: Piece[] = []
    let size = 0
    let isLarge = false
    for (let piece: Piece | null = this; piece !== null; piece = piece.previous) {
      pieces.push(piece)
      size += piece.end - piece.start
      isLarge ||= piece.end - piece.start >= WRITE_APART_BYTES
    }
    pieces.reverse()
    if (isLarge) return pieces.map((piece) => piece.#own())
    const joined = Buffer.allocUnsafe(size)
    let offset = 0
    for (const piece of pieces) offset += piece.bytes.copy(joined, offset, piece.start, piece.end)
    this.#joined = joined
    return [joined]
  }

  #own(): Buffer {
    return this.start === 0 && this.end === this.bytes.length ? this.bytes : this.bytes.subarray(this.start, this.end)
  }
}

interface Scheduled {
  flushScheduled(): void
}

/** All output of one shard: where frames are built, and which queues have something to write this tick. */
export class Outbox {
  #heldBytes = 0
  #block: Buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES)
  #offset = 0
  /** What this tick has filled before the current block. */
  #full: Buffer[] = []
  #spare: Buffer[] = []
  #areBlocksKept = false
  #slice: Buffer | null = null
  #scheduled: Scheduled[] = []
  /** The shared frame that last began a queue. */
  #first: Piece | null = null
  readonly #counters: CounterRow
  readonly #memory: MessageMemory
  readonly #flushLater = (): void => this.#flush()

  constructor(counters: CounterRow, memory = FRESH_MEMORY) {
    this.#counters = counters
    this.#memory = memory
  }

  /**
   * Appends one frame, copying the payload. Returns the new end of the queue.
   *
   * @param waits it will not be written in this tick, so it gets memory of its own instead of keeping a block in use.
   */
  append(tail: Piece | null, firstByte: number, payload: Uint8Array, waits: boolean): Piece {
    const size = frameHeaderSize(payload.length) + payload.length
    if (waits || size >= OWN_BUFFER_BYTES) {
      const piece = this.#own(tail, size)
      writeFrame(piece.bytes, 0, firstByte, payload)
      return piece
    }
    const start = this.#reserve(size)
    return this.#extend(tail, start, writeFrame(this.#block, start, firstByte, payload))
  }

  /** The same for text, of so many bytes in UTF-8. */
  appendText(tail: Piece | null, firstByte: number, text: string, payloadBytes: number, waits: boolean): Piece {
    const size = frameHeaderSize(payloadBytes) + payloadBytes
    if (waits || size >= OWN_BUFFER_BYTES) {
      const piece = this.#own(tail, size)
      writeTextFrame(piece.bytes, 0, firstByte, text, payloadBytes)
      return piece
    }
    const start = this.#reserve(size)
    return this.#extend(tail, start, writeTextFrame(this.#block, start, firstByte, text, payloadBytes))
  }

  /** Appends a complete frame that other queues get too; it is not copied. */
  appendShared(tail: Piece | null, frame: Buffer): Piece {
    if (tail !== null) return tail.followedBy(frame)
    if (this.#first === null || this.#first.bytes !== frame)
      this.#first = new Piece(null, frame, 0, frame.length, Ownership.SHARED)
    return this.#first
  }

  /** The same bytes in memory that is not written over after this tick. */
  lasting(parts: readonly Buffer[]): readonly Buffer[] {
    return parts.map((part) => (this.#isInBlock(part) ? Buffer.from(part) : part))
  }

  /** Where the slices of a long frame are built, one after the other, each before it is written. */
  get slice(): Buffer {
    this.#slice ??= Buffer.allocUnsafeSlow(SLICE_BYTES)
    return this.#slice
  }

  /** The kernel has not taken all of the slice: it must not be written over. */
  keepSlice(): void {
    this.#slice = null
  }

  schedule(queue: Scheduled): void {
    this.#scheduled.push(queue)
    if (this.#scheduled.length === 1) setImmediate(this.#flushLater)
  }

  /** Bytes that the kernel has not taken, of all queues. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  hold(bytes: number): void {
    this.#heldBytes += bytes
    this.#counters.add(Counter.QUEUED_BYTES, bytes)
  }

  count(parts: readonly Buffer[]): void {
    for (const part of parts) this.#counters.add(Counter.WIRE_BYTES_OUT, part.length)
  }

  /** Bytes in the blocks of this tick stay in use after it: they must not be written over. */
  keepBlocks(): void {
    this.#areBlocksKept = true
  }

  /** The kernel has taken all up to here. */
  onTaken(written: Piece): void {
    written.release(this.#memory)
  }

  /** Short ones share the memory of Node's pool. */
  #own(tail: Piece | null, size: number): Piece {
    if (size < OWN_BUFFER_BYTES) return new Piece(tail, Buffer.allocUnsafe(size), 0, size, Ownership.SHARED)
    return new Piece(tail, this.#memory.take(size), 0, size, Ownership.OWN)
  }

  #isInBlock({ buffer }: Buffer): boolean {
    return buffer === this.#block.buffer || this.#full.some((block) => block.buffer === buffer)
  }

  /** Where the next frame begins in the current block. */
  #reserve(size: number): number {
    if (this.#offset + size > BLOCK_BYTES) {
      this.#full.push(this.#block)
      this.#beginBlock()
    }
    return this.#offset
  }

  /** A frame was written to the current block. */
  #extend(tail: Piece | null, start: number, end: number): Piece {
    this.#offset = end
    if (tail?.ownership === Ownership.BLOCK && tail.bytes === this.#block && tail.end === start) {
      tail.end = end
      return tail
    }
    return new Piece(tail, this.#block, start, end, Ownership.BLOCK)
  }

  #flush(): void {
    const scheduled = this.#scheduled
    this.#scheduled = []
    for (const queue of scheduled) queue.flushScheduled()
    this.#first = null
    if (this.#areBlocksKept) this.#beginBlock()
    else {
      this.#offset = 0
      for (const block of this.#full) if (this.#spare.length < SPARE_BLOCKS) this.#spare.push(block)
    }
    if (this.#full.length > 0) this.#full = []
    this.#areBlocksKept = false
  }

  #beginBlock(): void {
    this.#block = this.#spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES)
    this.#offset = 0
  }
}
