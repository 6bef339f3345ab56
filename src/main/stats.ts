import { performance } from 'node:perf_hooks'
import { Counter, type CounterRow } from '../shared/counters.ts'
import type { ErrorCode } from '../shared/errors.ts'
import type { StrategyName } from '../shared/ticket.ts'
import type { ComputeStats } from './compute-stats.ts'
import type { Engine } from './engine.ts'
import { limitsOf } from './limits.ts'
import type { MainCounters } from './main-counters.ts'
import type { MoveReport } from './mover.ts'
import type { Traffic } from './traffic-rates.ts'
import type { UserStats } from './users.ts'

/** The figures of every server of this process together, or of one. Sizes are payload bytes. */
export interface PerformanceMetrics {
  /** Open now. */
  connections: number
  messagesReceived: number
  /** A broadcast counts once for each connection it went to. */
  messagesSent: number
  bytesReceived: number
  bytesSent: number
  /** 1 - compressed / original over all compressed messages; 0 when nothing was compressed. */
  compressionRatio: number
}

export interface Stats extends PerformanceMetrics {
  /** How sockets reach the shards; null while starting. */
  handoff: StrategyName | null
  /** Milliseconds since the server was made. */
  uptime: number
  /** Connections ever opened. */
  totalConnections: number
  /** Connections at a time: `maxConnections`, or fewer if the process may not open as many files. */
  capacity: number
  /** Of the last ten seconds, weighted; if the last reading is longer ago, since then. */
  perSecond: Traffic
  /** Bytes read from and written to the sockets, framing included. */
  wireBytesIn: number
  wireBytesOut: number
  /** Bytes that the kernel has not taken yet. */
  queuedBytes: number
  /** Rooms with at least one member, and how many members they have together. */
  rooms: number
  memberships: number
  /** Messages that were never sent because a later one took their place within `coalesceMs`. */
  coalesced: number
  /** Joins that returned false, by the option that refused them; `link`: the shard was too far behind. */
  refusedJoins: Readonly<Record<keyof MainCounters['refusedJoins'], number>>
  /** Who has identified, and what is kept for those who are away. */
  users: UserStats
  rejected: { total: number; reasons: Partial<Record<ErrorCode, number>> }
  /** Messages that were not sent or (`rateLimit`, `invalid`: by `validate`) not taken, by reason; `controls`: pings and pongs to a peer that does not read. */
  dropped: {
    slowConsumer: number
    backpressure: number
    link: number
    controls: number
    rateLimit: number
    invalid: number
  }
  errors: { protocol: number; transport: number; handler: number }
  /** Connections that an error ended, by its code. */
  failures: { total: number; reasons: Partial<Record<ErrorCode, number>> }
  /** How often each option's limit was reached; those that were not are left out. */
  limits: Partial<Record<string, number>>
  timeouts: { liveness: number; idle: number; close: number; lifetime: number }
  /** Connections closed because their peer read too slowly. */
  slowConsumers: number
  /** Times a connection's reading was paused because its messages had not been taken, or by `rateLimit`. */
  inboundPauses: number
  handoffs: { adopted: number; failed: number; replaced: number; lost: number; abandoned: number }
  shardDeaths: number
  /** Shards whose connections have moved to a fresh one because of an uncaught error or a full heap. */
  evacuations: number
  /** Connections that have moved from shard to shard, and that could not when they should have. */
  moves: MoveReport
  /** Shards that died too often and are left alone for a while. */
  degradedShards: number
  /** Shards that have stood still for `stallMs` and still do. */
  stalledShards: number
  /** Threads of shards that have ended, or were given up after `killMs`, and are not gone yet. */
  zombies: number
  /** The threads of the option `compute`. */
  compute: ComputeStats
  shards: ShardStats[]
}

export interface ShardStats {
  shard: number
  connections: number
  queuedBytes: number
  messagesReceived: number
  messagesSent: number
  /** Of the thread's own heap and of Buffers outside it, as of its last sample; 0 with `shards: 0`. */
  heapBytes: number
  externalBytes: number
  /** The larger of the two as a fraction of what each may be. */
  memoryPressure: number
}

/** What the shards of an engine have counted, as it is added up over servers. */
export interface Totals extends Omit<PerformanceMetrics, 'compressionRatio'> {
  /** Payload bytes of messages that travelled compressed, before and after. */
  compressibleBytes: number
  compressedBytes: number
}

/** Reads shared memory only: no message to a shard, so it answers while they are busy. */
export function totalsOf({ shardCounters }: Engine): Totals {
  return {
    connections: shardCounters.total(Counter.CONNECTIONS),
    messagesReceived: shardCounters.total(Counter.MESSAGES_RECEIVED),
    messagesSent: shardCounters.total(Counter.MESSAGES_SENT),
    bytesReceived: shardCounters.total(Counter.BYTES_RECEIVED),
    bytesSent: shardCounters.total(Counter.BYTES_SENT),
    compressibleBytes: shardCounters.total(Counter.COMPRESSIBLE_BYTES),
    compressedBytes: shardCounters.total(Counter.COMPRESSED_BYTES),
  }
}

export function metricsFrom({ compressibleBytes, compressedBytes, ...totals }: Totals): PerformanceMetrics {
  return { ...totals, compressionRatio: compressibleBytes === 0 ? 0 : 1 - compressedBytes / compressibleBytes }
}

export function statsOf(engine: Engine, startedMs: number): Stats {
  const { counters, rates, shardCounters, supervisor } = engine
  const nowMs = performance.now()
  const total = (counter: Counter): number => shardCounters.total(counter)
  const failures = shardCounters.failures()
  for (const [code, count] of Object.entries(counters.timeouts)) {
    if (count > 0) failures.set(code as ErrorCode, (failures.get(code as ErrorCode) ?? 0) + count)
  }
  const totals = totalsOf(engine)
  const { messagesReceived, messagesSent, bytesReceived, bytesSent } = totals
  return {
    ...metricsFrom(totals),
    handoff: engine.strategy,
    uptime: nowMs - startedMs,
    totalConnections: counters.opened,
    capacity: engine.capacity,
    perSecond: rates.read(nowMs, { messagesReceived, messagesSent, bytesReceived, bytesSent }),
    wireBytesIn: total(Counter.WIRE_BYTES_IN),
    wireBytesOut: total(Counter.WIRE_BYTES_OUT),
    queuedBytes: total(Counter.QUEUED_BYTES),
    rooms: engine.rooms.size,
    memberships: engine.rooms.memberships,
    coalesced: counters.coalescedMessages + total(Counter.COALESCED_MESSAGES),
    refusedJoins: refusedJoinsOf(engine),
    users: engine.users.stats(),
    rejected: byReason(counters.rejected),
    dropped: {
      slowConsumer: total(Counter.DROPPED_MESSAGES),
      backpressure: counters.refusedByBackpressure + total(Counter.REFUSED_BY_BACKPRESSURE),
      link: counters.refusedByLink + total(Counter.REFUSED_BY_LINK),
      controls: total(Counter.DROPPED_CONTROLS) + total(Counter.COALESCED_PONGS),
      rateLimit: total(Counter.RATE_LIMITED_MESSAGES),
      invalid: counters.invalidMessages + total(Counter.INVALID_MESSAGES),
    },
    errors: {
      protocol: total(Counter.PROTOCOL_ERRORS),
      transport: total(Counter.TRANSPORT_ERRORS),
      handler: counters.handlerErrors + total(Counter.HANDLER_ERRORS),
    },
    failures: byReason(failures),
    limits: limitsOf(engine, failures),
    timeouts: {
      liveness: total(Counter.LIVENESS_TIMEOUTS),
      idle: total(Counter.IDLE_TIMEOUTS),
      close: total(Counter.CLOSE_TIMEOUTS),
      lifetime: total(Counter.LIFETIMES_ENDED),
    },
    slowConsumers: total(Counter.SLOW_CONSUMERS),
    inboundPauses: total(Counter.INBOUND_PAUSES),
    handoffs: {
      adopted: total(Counter.ADOPTED),
      failed: total(Counter.ADOPT_FAILED),
      replaced: counters.replaced,
      lost: counters.lostInHandoff,
      abandoned: counters.abandoned,
    },
    shardDeaths: counters.shardDeaths,
    evacuations: counters.evacuations,
    moves: engine.mover.totals,
    degradedShards: supervisor.degraded,
    stalledShards: supervisor.stalled,
    zombies: supervisor.zombies,
    compute: engine.compute.stats(),
    shards: supervisor.shards.map(({ index }) => shardStatsOf(index, shardCounters.row(index))),
  }
}

/** By handlers on main and in the shards together. */
function refusedJoinsOf({ counters, shardCounters }: Engine): MainCounters['refusedJoins'] {
  const { refusedJoins } = counters
  return {
    maxRooms: refusedJoins.maxRooms + shardCounters.total(Counter.REFUSED_MAX_ROOMS),
    maxRoomsPerConnection:
      refusedJoins.maxRoomsPerConnection + shardCounters.total(Counter.REFUSED_MAX_ROOMS_PER_CONNECTION),
    maxRoomSize: refusedJoins.maxRoomSize + shardCounters.total(Counter.REFUSED_MAX_ROOM_SIZE),
    canJoin: refusedJoins.canJoin + shardCounters.total(Counter.REFUSED_CAN_JOIN),
    link: refusedJoins.link,
  }
}

function shardStatsOf(shard: number, row: CounterRow): ShardStats {
  return {
    shard,
    connections: row.get(Counter.CONNECTIONS),
    queuedBytes: row.get(Counter.QUEUED_BYTES),
    messagesReceived: row.get(Counter.MESSAGES_RECEIVED),
    messagesSent: row.get(Counter.MESSAGES_SENT),
    heapBytes: row.get(Counter.HEAP_BYTES),
    externalBytes: row.get(Counter.EXTERNAL_BYTES),
    memoryPressure: row.get(Counter.MEMORY_PRESSURE),
  }
}

function byReason(counts: ReadonlyMap<ErrorCode, number>): Stats['rejected'] {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
  return { total, reasons: Object.fromEntries(counts) }
}
