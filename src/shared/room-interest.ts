/**
 * Which shards have members of which rooms, in memory that all threads share, so that a publisher posts to those only. A
 * room is known by its hash: rooms that share a bucket cost a post to a shard that then finds nobody.
 */

/** Buckets for each room there may be. */
const BUCKETS_PER_ROOM = 4
const MIN_BUCKETS = 1024
/** Past this a shard's row would cost more than the posts it saves. */
const MAX_BUCKETS = 2 ** 16

/** Int32 fields of a row before its buckets; a whole cache line. */
const HEADER_INTS = 16
const Header = {
  /** Joins and leaves that the shard has told main of and main has entered, ever; wraps. Written by main. */
  APPLIED: 0,
} as const

/** Int32 fields before the rows. */
const PREFIX_INTS = 16
const Prefix = {
  /** Buckets of a row: a power of two. */
  BUCKETS: 0,
  /** Rooms of the server as main knows them. Written by main. */
  ROOMS: 1,
} as const

const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

export class RoomInterest {
  readonly memory: SharedArrayBuffer
  readonly #ints: Int32Array
  readonly #buckets: number

  /** Pages are committed by the kernel on first use. */
  static allocate(shards: number, maxRooms: number): RoomInterest {
    const wanted = Math.min(MAX_BUCKETS, Math.max(MIN_BUCKETS, maxRooms * BUCKETS_PER_ROOM))
    const buckets = 2 ** Math.ceil(Math.log2(wanted))
    const ints = PREFIX_INTS + shards * (HEADER_INTS + buckets)
    const memory = new SharedArrayBuffer(ints * Int32Array.BYTES_PER_ELEMENT)
    new Int32Array(memory)[Prefix.BUCKETS] = buckets
    return new RoomInterest(memory)
  }

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory
    this.#ints = new Int32Array(memory)
    this.#buckets = this.#ints[Prefix.BUCKETS] ?? 0
  }

  /** Whether the shard may have a member of this room; no means no. */
  has(shard: number, room: string): boolean {
    return Atomics.load(this.#ints, this.#bucketOf(shard, room)) > 0
  }

  hasAnywhere(room: string): boolean {
    const rowInts = HEADER_INTS + this.#buckets
    for (let index = this.#bucketOf(0, room); index < this.#ints.length; index += rowInts) {
      if (Atomics.load(this.#ints, index) > 0) return true
    }
    return false
  }

  /** By the shard: the room has got its first member there. */
  enter(shard: number, room: string): void {
    Atomics.add(this.#ints, this.#bucketOf(shard, room), 1)
  }

  /** By the shard: the room has lost its last member there. */
  exit(shard: number, room: string): void {
    Atomics.sub(this.#ints, this.#bucketOf(shard, room), 1)
  }

  /** By main, which is about to post a join: who publishes from now on must not pass the shard over. It ends with `exit`. */
  announce(shard: number, room: string): void {
    Atomics.add(this.#ints, this.#bucketOf(shard, room), 1)
  }

  /** By main, after the shard's death. */
  clear(shard: number): void {
    const start = this.#rowOf(shard)
    this.#ints.fill(0, start, start + HEADER_INTS + this.#buckets)
  }

  /** By main. */
  setRooms(count: number): void {
    Atomics.store(this.#ints, Prefix.ROOMS, count)
  }

  get rooms(): number {
    return Atomics.load(this.#ints, Prefix.ROOMS)
  }

  /** By main: it has entered one more join or leave of this shard. */
  applied(shard: number): void {
    Atomics.add(this.#ints, this.#rowOf(shard) + Header.APPLIED, 1)
  }

  appliedOf(shard: number): number {
    return Atomics.load(this.#ints, this.#rowOf(shard) + Header.APPLIED)
  }

  #rowOf(shard: number): number {
    return PREFIX_INTS + shard * (HEADER_INTS + this.#buckets)
  }

  #bucketOf(shard: number, room: string): number {
    return this.#rowOf(shard) + HEADER_INTS + (hash(room) & (this.#buckets - 1))
  }
}

/** FNV-1a over UTF-16 units: names are short, and all that counts is spread. */
function hash(text: string): number {
  let value = FNV_OFFSET
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), FNV_PRIME)
  return value ^ (value >>> 15)
}
