import { ERROR_CODES, type ErrorCode } from './errors.ts'

/**
 * The counters of all shards in shared memory: one row per shard, written by that shard only and
 * read by main without a message. Float64 with plain stores: exact up to 2^53, no wrap-around, and
 * cheaper than Atomics on BigInt64.
 */
export const Counter = {
  // ── gauges: main zeroes them when the shard dies ──
  /** Open connections. */
  CONNECTIONS: 0,
  /** Bytes queued for all connections and not yet taken by the kernel. */
  QUEUED_BYTES: 1,
  /** Of the shard's own heap, 0 for one on the main thread. */
  HEAP_BYTES: 25,
  /** Buffers and other memory outside the heap. */
  EXTERNAL_BYTES: 26,
  /** The larger of heap and external memory as a fraction of what each may be. */
  MEMORY_PRESSURE: 27,
  /** Rooms with a member here, as of the last tick. */
  ROOMS: 51,
  /** How late the thread came to its timer, milliseconds: the worst of the last second or two, as of the last tick. */
  LOOP_DELAY_MS: 45,
  /** When that tick was, in `sharedNowMs`. A thread that stands still makes none. */
  LOOP_TICKED_MS: 46,
  /** The fraction of the last second in which the thread was not waiting. */
  LOOP_UTILIZATION: 47,

  // ── totals: they only grow ──
  MESSAGES_RECEIVED: 2,
  MESSAGES_SENT: 3,
  /** Payload bytes, after decompression. */
  BYTES_RECEIVED: 4,
  /** Payload bytes, before compression. */
  BYTES_SENT: 5,
  /** Bytes read from sockets, frame headers and control frames included. */
  WIRE_BYTES_IN: 6,
  /** Bytes written to sockets, frame headers and control frames included. */
  WIRE_BYTES_OUT: 7,
  /** Connections adopted. */
  ADOPTED: 8,
  /** Sockets that main or another shard gave, or was about to, and that never arrived or were dead on arrival. */
  ADOPT_FAILED: 9,
  /** Messages refused by `slowConsumer: 'drop'`. */
  DROPPED_MESSAGES: 10,
  DROPPED_BYTES: 11,
  /** Connections closed by `slowConsumer: 'close'` or by the shard's total. */
  SLOW_CONSUMERS: 12,
  /** Connections failed because the peer broke the protocol or a limit. */
  PROTOCOL_ERRORS: 13,
  /** Connections that ended with a socket error. */
  TRANSPORT_ERRORS: 14,
  LIVENESS_TIMEOUTS: 15,
  IDLE_TIMEOUTS: 16,
  CLOSE_TIMEOUTS: 17,
  LIFETIMES_ENDED: 18,
  /** Times a connection's reading was paused because its messages had not yet been taken, or by `rateLimit`. */
  INBOUND_PAUSES: 19,
  PINGS_SENT: 20,
  PONGS_RECEIVED: 21,
  /** Pings and pongs not sent because the peer does not read. */
  DROPPED_CONTROLS: 24,
  /** Payload bytes of messages that travelled compressed, in both directions, before and after. */
  COMPRESSIBLE_BYTES: 22,
  COMPRESSED_BYTES: 23,
  /** Pongs left out because the peer reads none: a later ping's pong stands for them. */
  COALESCED_PONGS: 28,
  /** Messages that `rateLimit` dropped. */
  RATE_LIMITED_MESSAGES: 29,
  /** Times `rateLimit` held a connection back. */
  RATE_PAUSES: 30,
  /** Grows every `beatMs` for as long as the shard's thread runs: main takes silence for a thread that stands still. */
  BEATS: 31,
  // ── of handlers in the shard; what handlers on main do is counted there ──
  /** Handlers and listeners that threw or rejected. */
  HANDLER_ERRORS: 41,
  /** Messages that did not match the schema of their handler. */
  INVALID_MESSAGES: 32,
  /** Sends refused because the connection was past `maxBackpressure`. */
  REFUSED_BY_BACKPRESSURE: 33,
  /** Messages and posts refused because another thread was too far behind. */
  REFUSED_BY_LINK: 34,
  /** Times a connection was not read because its handler worked on too many messages of it, or too many bytes. */
  UNPROCESSED_MESSAGES_PAUSES: 35,
  UNPROCESSED_BYTES_PAUSES: 36,
  /** Joins refused, by reason. */
  REFUSED_MAX_ROOMS: 37,
  REFUSED_MAX_ROOMS_PER_CONNECTION: 38,
  REFUSED_MAX_ROOM_SIZE: 39,
  REFUSED_CAN_JOIN: 40,
  /** Messages that gave way to a later one within `coalesceMs`. */
  COALESCED_MESSAGES: 42,
  /** Messages sent at once for want of a window, by `maxCoalescedKeys`. */
  REFUSED_WINDOWS: 43,
  /** Connections that came unread and have become one of the shard's own or have ended. */
  ARRIVALS_ENDED: 44,
  /** Connections that have come from another shard, and gone to one. */
  MOVED_IN: 48,
  MOVED_OUT: 49,
  /** Shards with this row that have died. Written by main, when nobody else writes here. */
  DEATHS: 50,
} as const
export type Counter = (typeof Counter)[keyof typeof Counter]

/** The failures of connections follow the counters, one field per error code. */
const FIRST_FAILURE = 64
/** Whole cache lines, so that rows of two shards never share one. */
const FIELDS_PER_ROW = 192
const GAUGES: readonly Counter[] = [
  Counter.CONNECTIONS,
  Counter.QUEUED_BYTES,
  Counter.HEAP_BYTES,
  Counter.EXTERNAL_BYTES,
  Counter.MEMORY_PRESSURE,
  Counter.ROOMS,
  Counter.LOOP_DELAY_MS,
  Counter.LOOP_TICKED_MS,
  Counter.LOOP_UTILIZATION,
]

/** The row of one shard. */
export class CounterRow {
  readonly #fields: Float64Array

  constructor(fields: Float64Array) {
    this.#fields = fields
  }

  add(counter: Counter, amount: number): void {
    this.#fields[counter] = (this.#fields[counter] ?? 0) + amount
  }

  set(gauge: Counter, value: number): void {
    this.#fields[gauge] = value
  }

  get(counter: Counter): number {
    return this.#fields[counter] ?? 0
  }

  /** A connection ended by this error. */
  countFailure(code: ErrorCode): void {
    const field = FIRST_FAILURE + ERROR_CODES.indexOf(code)
    this.#fields[field] = (this.#fields[field] ?? 0) + 1
  }

  /** Main, after the shard's death: what it held is gone. */
  clearGauges(): void {
    for (const gauge of GAUGES) this.#fields[gauge] = 0
  }
}

export class Counters {
  readonly memory: SharedArrayBuffer

  static allocate(rows: number): Counters {
    return new Counters(new SharedArrayBuffer(Math.max(1, rows) * FIELDS_PER_ROW * Float64Array.BYTES_PER_ELEMENT))
  }

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory
  }

  row(index: number): CounterRow {
    const offset = index * FIELDS_PER_ROW * Float64Array.BYTES_PER_ELEMENT
    return new CounterRow(new Float64Array(this.memory, offset, FIELDS_PER_ROW))
  }

  /** The sum of one counter over all shards. */
  total(counter: Counter): number {
    return this.#sum(counter)
  }

  /** Connections that an error ended, by its code. */
  failures(): Map<ErrorCode, number> {
    const failures = new Map<ErrorCode, number>()
    for (const [index, code] of ERROR_CODES.entries()) {
      const count = this.#sum(FIRST_FAILURE + index)
      if (count > 0) failures.set(code, count)
    }
    return failures
  }

  #sum(field: number): number {
    const fields = new Float64Array(this.memory)
    let sum = 0
    for (let index = field; index < fields.length; index += FIELDS_PER_ROW) sum += fields[index] ?? 0
    return sum
  }
}
