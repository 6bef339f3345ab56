import { formatConnectionId, keyOfConnectionId, type Nonce } from './connection-id.ts'
import { type ConnectionKey, slotOf } from './connection-key.ts'

/** The values of `readyState`, as in the WebSocket API of browsers. */
export const ReadyState = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const
export type ReadyState = (typeof ReadyState)[keyof typeof ReadyState]

/** Whole cache lines, so two shards never write to the same one. */
const SLOT_BYTES = 128
const INTS_PER_SLOT = SLOT_BYTES / Int32Array.BYTES_PER_ELEMENT
const FLOATS_PER_SLOT = SLOT_BYTES / Float64Array.BYTES_PER_ELEMENT

/** Int32 fields. Read and written with Atomics. */
const IntField = {
  /** Key of the connection in this slot. Written by main. */
  KEY: 0,
  /** Index of the owning shard, -1 for none. Written by main. */
  SHARD: 1,
  /** Written by the owning shard; by main before the hand-off and after the shard's death. */
  READY_STATE: 2,
  /** Bytes queued in the shard and not yet taken by the kernel. Written by the owning shard. */
  QUEUED_BYTES: 3,
  /** 1 while the application has more of its messages than it may. Written by main. Behind the floats, as what follows. */
  IS_HELD: 22,
  /** The random part of the connection's id. Written by main. */
  NONCE_HIGH: 23,
  NONCE_LOW: 24,
  /** 1 if its session is to outlive it. Main writes it when it begins; whoever ends it for good takes that back. */
  HAS_SESSION: 25,
} as const

/** Float64 fields: exact up to 2^53, plain stores. All written by the owning shard but where noted. */
const FloatField = {
  /** Bytes of main's sends that have reached the shard, ever. Main knows how much it has posted. */
  TAKEN_BYTES: 2,
  /** Payload bytes. */
  BYTES_RECEIVED: 3,
  /** Payload bytes. */
  BYTES_SENT: 4,
  MESSAGES_RECEIVED: 5,
  /** Milliseconds since the epoch, as precise as the shard's sweep. */
  LAST_ACTIVITY: 6,
  /** Milliseconds since the epoch, 0 before the first pong. */
  LAST_PONG: 7,
  /** Payload bytes of messages that travelled compressed, before and after. */
  COMPRESSIBLE_BYTES: 8,
  COMPRESSED_BYTES: 9,
  /** Milliseconds since the epoch. Written by main. */
  CONNECTED_AT: 10,
} as const

/**
 * Every connection of a server, in memory that all threads share: any thread finds the owner of a
 * connection, and main answers `send()` and `bufferedAmount` without asking the shard.
 */
export class ConnectionTable {
  readonly memory: SharedArrayBuffer
  readonly #ints: Int32Array
  readonly #floats: Float64Array

  /** Pages are committed by the kernel on first use, so an unused capacity costs address space only. */
  static allocate(slots: number): ConnectionTable {
    return new ConnectionTable(new SharedArrayBuffer(slots * SLOT_BYTES))
  }

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory
    this.#ints = new Int32Array(memory)
    this.#floats = new Float64Array(memory)
  }

  /** Main, before a hand-off: everything of the slot's former connection is gone afterwards. */
  claim(key: ConnectionKey, nonce: Nonce): void {
    const slot = slotOf(key)
    this.#floats.fill(0, slot * FLOATS_PER_SLOT, (slot + 1) * FLOATS_PER_SLOT)
    Atomics.store(this.#ints, slot * INTS_PER_SLOT + IntField.NONCE_HIGH, nonce.high)
    Atomics.store(this.#ints, slot * INTS_PER_SLOT + IntField.NONCE_LOW, nonce.low)
    Atomics.store(this.#ints, slot * INTS_PER_SLOT + IntField.KEY, key)
    Atomics.store(this.#ints, slot * INTS_PER_SLOT + IntField.SHARD, -1)
  }

  /** To be asked while the slot is the connection's own. */
  idOf(key: ConnectionKey): string {
    const base = slotOf(key) * INTS_PER_SLOT
    const high = Atomics.load(this.#ints, base + IntField.NONCE_HIGH)
    const low = Atomics.load(this.#ints, base + IntField.NONCE_LOW)
    return formatConnectionId(key, { high, low })
  }

  /** The connection with this id. */
  find(id: string): ConnectionKey | undefined {
    const key = keyOfConnectionId(id)
    const isInside = slotOf(key) * INTS_PER_SLOT < this.#ints.length
    return isInside && this.isCurrent(key) && this.idOf(key) === id ? key : undefined
  }

  setShard(key: ConnectionKey, shard: number): void {
    Atomics.store(this.#ints, slotOf(key) * INTS_PER_SLOT + IntField.SHARD, shard)
  }

  shard(key: ConnectionKey): number {
    return this.isCurrent(key) ? Atomics.load(this.#ints, slotOf(key) * INTS_PER_SLOT + IntField.SHARD) : -1
  }

  setHeld(key: ConnectionKey, isHeld: boolean): void {
    Atomics.store(this.#ints, slotOf(key) * INTS_PER_SLOT + IntField.IS_HELD, isHeld ? 1 : 0)
  }

  /** To be asked by the owning shard only: the slot is its own then. */
  isHeld(key: ConnectionKey): boolean {
    return Atomics.load(this.#ints, slotOf(key) * INTS_PER_SLOT + IntField.IS_HELD) === 1
  }

  /** Main, before the hand-off. */
  beginSession(key: ConnectionKey): void {
    Atomics.store(this.#ints, slotOf(key) * INTS_PER_SLOT + IntField.HAS_SESSION, 1)
  }

  /** By any thread, while the slot is the connection's own: its client is not to come back. */
  endSession(key: ConnectionKey): void {
    Atomics.store(this.#ints, slotOf(key) * INTS_PER_SLOT + IntField.HAS_SESSION, 0)
  }

  hasSession(key: ConnectionKey): boolean {
    return this.isCurrent(key) && Atomics.load(this.#ints, slotOf(key) * INTS_PER_SLOT + IntField.HAS_SESSION) === 1
  }

  /** Whether the slot still belongs to this connection and not to a later one. */
  isCurrent(key: ConnectionKey): boolean {
    return Atomics.load(this.#ints, slotOf(key) * INTS_PER_SLOT + IntField.KEY) === key
  }

  setReadyState(key: ConnectionKey, state: ReadyState): void {
    Atomics.store(this.#ints, slotOf(key) * INTS_PER_SLOT + IntField.READY_STATE, state)
  }

  readyState(key: ConnectionKey): ReadyState {
    if (!this.isCurrent(key)) return ReadyState.CLOSED
    return Atomics.load(this.#ints, slotOf(key) * INTS_PER_SLOT + IntField.READY_STATE) as ReadyState
  }

  setQueuedBytes(key: ConnectionKey, bytes: number): void {
    Atomics.store(this.#ints, slotOf(key) * INTS_PER_SLOT + IntField.QUEUED_BYTES, Math.min(bytes, 0x7fffffff))
  }

  queuedBytes(key: ConnectionKey): number {
    return this.isCurrent(key) ? Atomics.load(this.#ints, slotOf(key) * INTS_PER_SLOT + IntField.QUEUED_BYTES) : 0
  }

  addTaken(key: ConnectionKey, bytes: number): void {
    this.#add(key, FloatField.TAKEN_BYTES, bytes)
  }

  takenBytes(key: ConnectionKey): number {
    return this.#get(key, FloatField.TAKEN_BYTES)
  }

  countReceived(key: ConnectionKey, bytes: number, now: number): void {
    const base = slotOf(key) * FLOATS_PER_SLOT
    const floats = this.#floats
    floats[base + FloatField.BYTES_RECEIVED] = (floats[base + FloatField.BYTES_RECEIVED] ?? 0) + bytes
    floats[base + FloatField.MESSAGES_RECEIVED] = (floats[base + FloatField.MESSAGES_RECEIVED] ?? 0) + 1
    floats[base + FloatField.LAST_ACTIVITY] = now
  }

  countSent(key: ConnectionKey, bytes: number): void {
    this.#add(key, FloatField.BYTES_SENT, bytes)
  }

  countCompressed(key: ConnectionKey, before: number, after: number): void {
    this.#add(key, FloatField.COMPRESSIBLE_BYTES, before)
    this.#add(key, FloatField.COMPRESSED_BYTES, after)
  }

  setLastPong(key: ConnectionKey, now: number): void {
    this.#floats[slotOf(key) * FLOATS_PER_SLOT + FloatField.LAST_PONG] = now
  }

  /** Main. */
  setConnectedAt(key: ConnectionKey, now: number): void {
    this.#floats[slotOf(key) * FLOATS_PER_SLOT + FloatField.CONNECTED_AT] = now
  }

  setLastActivity(key: ConnectionKey, now: number): void {
    this.#floats[slotOf(key) * FLOATS_PER_SLOT + FloatField.LAST_ACTIVITY] = now
  }

  bytesReceived(key: ConnectionKey): number {
    return this.#get(key, FloatField.BYTES_RECEIVED)
  }

  bytesSent(key: ConnectionKey): number {
    return this.#get(key, FloatField.BYTES_SENT)
  }

  /** 1 - after / before, 0 when nothing was compressed. */
  compressionRatio(key: ConnectionKey): number {
    const before = this.#get(key, FloatField.COMPRESSIBLE_BYTES)
    return before === 0 ? 0 : 1 - this.#get(key, FloatField.COMPRESSED_BYTES) / before
  }

  messagesReceived(key: ConnectionKey): number {
    return this.#get(key, FloatField.MESSAGES_RECEIVED)
  }

  lastActivity(key: ConnectionKey): number {
    return this.#get(key, FloatField.LAST_ACTIVITY)
  }

  connectedAt(key: ConnectionKey): number {
    return this.#get(key, FloatField.CONNECTED_AT)
  }

  lastPong(key: ConnectionKey): number {
    return this.#get(key, FloatField.LAST_PONG)
  }

  /** 0 once the slot belongs to a later connection. */
  #get(key: ConnectionKey, field: number): number {
    if (!this.isCurrent(key)) return 0
    return this.#floats[slotOf(key) * FLOATS_PER_SLOT + field] ?? 0
  }

  #add(key: ConnectionKey, field: number, amount: number): void {
    const index = slotOf(key) * FLOATS_PER_SLOT + field
    this.#floats[index] = (this.#floats[index] ?? 0) + amount
  }
}
