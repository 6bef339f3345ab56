import { Counter } from '../shared/counters.ts'
import { lateness, sharedNowMs } from '../shared/loop-lag.ts'
import type { Engine } from './engine.ts'
import type { RunningShard } from './running-shard.ts'
import { type Traffic, trafficOf } from './traffic-rates.ts'

/** A thread that is that late has not waited for anything in the last second. */
const STANDS_STILL_MS = 1000

/** Reads one counter, of one shard or of all. */
export type Count = (counter: Counter) => number

/** Messages that were not sent or (`rateLimit`, `invalid`: by `validate`) not taken, by reason; `controls`: pings and pongs to a peer that does not read. */
export type Dropped = Record<'slowConsumer' | 'backpressure' | 'link' | 'controls' | 'rateLimit' | 'invalid', number>

/** Connections failed because the peer broke the protocol or a limit, those that TCP ended, and handlers that threw or rejected. */
export type ErrorCounts = Record<'protocol' | 'transport' | 'handler', number>

/** One shard. Totals are those of its number: one that dies hands them on to its successor. */
export interface ShardStats extends Traffic {
  /** Its number: `shard` in `health()`, events and log records. */
  shard: number
  /** Open now. */
  connections: number
  /** Bytes that the kernel has not taken yet. */
  queuedBytes: number
  /** Of the last ten seconds, weighted, as `perSecond` of the server. */
  perSecond: Traffic
  /** Bytes read from its sockets, framing included. */
  wireBytesIn: number
  /** Bytes written to its sockets, framing included. */
  wireBytesOut: number
  /** 1 - compressed / original over all messages that travelled compressed; 0 when none did. */
  compressionRatio: number
  /** Rooms with a member here. A room may be in several shards. */
  rooms: number
  /** What happened in the shard; what main refuses or its handlers do is in the figures of the server only. */
  dropped: Dropped
  /** Connections here that broke the protocol, that TCP lost, and handlers here that threw or rejected. */
  errors: ErrorCounts
  /** Connections that have come from another shard, and gone to one. */
  moves: { in: number; out: number }
  /** Shards with this number that have died and were replaced. */
  deaths: number
  /** The fraction of the last second in which the thread was not waiting, 0 to 1; 1 for one that stands still. */
  loopUtilization: number
  /** How late the thread came to its timers, milliseconds: the worst of the last second or two, that of now included. */
  loopDelayMs: number
  /** Bytes of the thread's own heap, as of its last sample; 0 with `shards: 0`. */
  heapBytes: number
  /** Bytes of Buffers outside the heap, as of the last sample. */
  externalBytes: number
  /** The larger of the two as a fraction of what each may be. */
  memoryPressure: number
}

export function shardStatsOf({ shardCounters }: Engine, { index, rates }: RunningShard, nowMs: number): ShardStats {
  const row = shardCounters.row(index)
  const count: Count = (counter) => row.get(counter)
  const traffic = trafficOf(count)
  const tickedMs = count(Counter.LOOP_TICKED_MS)
  const lateMs = tickedMs === 0 ? 0 : lateness(tickedMs, sharedNowMs())
  return {
    shard: index,
    connections: count(Counter.CONNECTIONS),
    queuedBytes: count(Counter.QUEUED_BYTES),
    ...traffic,
    perSecond: rates.read(nowMs, traffic),
    wireBytesIn: count(Counter.WIRE_BYTES_IN),
    wireBytesOut: count(Counter.WIRE_BYTES_OUT),
    compressionRatio: compressionRatio(count(Counter.COMPRESSIBLE_BYTES), count(Counter.COMPRESSED_BYTES)),
    rooms: count(Counter.ROOMS),
    dropped: droppedIn(count),
    errors: errorsIn(count),
    moves: { in: count(Counter.MOVED_IN), out: count(Counter.MOVED_OUT) },
    deaths: count(Counter.DEATHS),
    loopUtilization: lateMs >= STANDS_STILL_MS ? 1 : count(Counter.LOOP_UTILIZATION),
    loopDelayMs: Math.max(lateMs, count(Counter.LOOP_DELAY_MS)),
    heapBytes: count(Counter.HEAP_BYTES),
    externalBytes: count(Counter.EXTERNAL_BYTES),
    memoryPressure: count(Counter.MEMORY_PRESSURE),
  }
}

export function droppedIn(count: Count): Dropped {
  return {
    slowConsumer: count(Counter.DROPPED_MESSAGES),
    backpressure: count(Counter.REFUSED_BY_BACKPRESSURE),
    link: count(Counter.REFUSED_BY_LINK),
    controls: count(Counter.DROPPED_CONTROLS) + count(Counter.COALESCED_PONGS),
    rateLimit: count(Counter.RATE_LIMITED_MESSAGES),
    invalid: count(Counter.INVALID_MESSAGES),
  }
}

export function errorsIn(count: Count): ErrorCounts {
  return {
    protocol: count(Counter.PROTOCOL_ERRORS),
    transport: count(Counter.TRANSPORT_ERRORS),
    handler: count(Counter.HANDLER_ERRORS),
  }
}

/** 1 - after / before, 0 when nothing was compressed. */
export function compressionRatio(before: number, after: number): number {
  return before === 0 ? 0 : 1 - after / before
}
