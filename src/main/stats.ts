import { performance } from 'node:perf_hooks'
import { Counter } from '../shared/counters.ts'
import type { ErrorCode } from '../shared/errors.ts'
import type { StrategyName } from '../shared/ticket.ts'
import type { ComputeStats } from './compute-stats.ts'
import type { Engine } from './engine.ts'
import { limitsOf } from './limits.ts'
import type { MainCounters } from './main-counters.ts'
import type { MoveReport } from './mover.ts'
import type { MemoryReading, MemoryStep } from './process-memory.ts'
import type { SessionStats } from './sessions.ts'
import {
  type Count,
  compressionRatio,
  type Dropped,
  droppedIn,
  type ErrorCounts,
  errorsIn,
  type ShardStats,
  shardStatsOf,
} from './shard-stats.ts'
import { type Traffic, trafficOf } from './traffic-rates.ts'
import type { UserStats } from './users.ts'

/** The figures of every server of this process together, or of one. Sizes are payload bytes. */
export interface PerformanceMetrics {
  /** Open now. */
  connections: number
  /** Messages received. */
  messagesReceived: number
  /** A broadcast counts once for each connection it went to. */
  messagesSent: number
  /** Payload bytes received, decompressed. */
  bytesReceived: number
  /** Payload bytes sent, before compression. */
  bytesSent: number
  /** 1 - compressed / original over all compressed messages; 0 when nothing was compressed. */
  compressionRatio: number
}

/** The figures of one server. Totals are since it was made. */
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
  /** Bytes read from the sockets, framing included. */
  wireBytesIn: number
  /** Bytes written to the sockets, framing included. */
  wireBytesOut: number
  /** Bytes that the kernel has not taken yet. */
  queuedBytes: number
  /** Rooms with at least one member. */
  rooms: number
  /** Members of all rooms together. */
  memberships: number
  /** Messages that were never sent because a later one took their place within `coalesceMs`. */
  coalesced: number
  /** Joins that returned false, by the option that refused them; `link`: the shard was too far behind. */
  refusedJoins: Readonly<Record<keyof MainCounters['refusedJoins'], number>>
  /** Who has identified, and what is kept for those who are away. */
  users: UserStats
  /** Connections that have resumed a session, by a valid token. */
  reconnections: number
  /** What waits for clients to come back, and what came of it. */
  sessions: SessionStats
  /** Opening handshakes refused, by error code. */
  rejected: { total: number; reasons: Partial<Record<ErrorCode, number>> }
  /** Messages that were not sent or not taken, by reason: see `Dropped`. */
  dropped: Dropped
  /** Connections that broke the protocol, connections that TCP lost, and handlers and listeners that threw or rejected. */
  errors: ErrorCounts
  /** Connections that an error ended, by its code. */
  failures: { total: number; reasons: Partial<Record<ErrorCode, number>> }
  /** How often each option's limit was reached; those that were not are left out. */
  limits: Partial<Record<string, number>>
  /** Connections that a deadline has ended: `livenessMs`, `idleTimeoutMs`, `closeTimeoutMs`, `maxLifetimeMs`. */
  timeouts: { liveness: number; idle: number; close: number; lifetime: number }
  /** Connections closed because their peer read too slowly. */
  slowConsumers: number
  /** Times a connection's reading was paused because its messages had not been taken, or by `rateLimit`. */
  inboundPauses: number
  /** Sockets that a shard has taken, that it could not take, that went to another shard, that were lost after the 101, and clients that left before it. */
  handoffs: { adopted: number; failed: number; replaced: number; lost: number; abandoned: number }
  /** Shards that have died and were replaced. */
  shardDeaths: number
  /** With `accept: 'acceptor'`: times its thread has died, or the next one could not listen. It is replaced, on the same port. */
  acceptorDeaths: number
  /** Shards whose connections have moved to a fresh one because of an uncaught error or a full heap. */
  evacuations: number
  /** Connections that have moved from shard to shard, and that could not when they should have. */
  moves: MoveReport
  /** Times `autoRebalance` has moved connections. */
  rebalances: number
  /** Shards that died too often and are left alone for a while. */
  degradedShards: number
  /** Shards that have stood still for `stallMs` and still do. */
  stalledShards: number
  /** Threads of shards that have ended, or were given up after `killMs`, and are not gone yet. */
  zombies: number
  /** Of the whole process, whose limit is `maxMemoryBytes`; `steps`: how often each of those that spare memory was taken. */
  memory: MemoryReading & { steps: Readonly<Record<MemoryStep, number>> }
  /** The threads of the option `compute`. */
  compute: ComputeStats
  /** One for each shard. */
  shards: ShardStats[]
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
    ...trafficOf((counter) => shardCounters.total(counter)),
    compressibleBytes: shardCounters.total(Counter.COMPRESSIBLE_BYTES),
    compressedBytes: shardCounters.total(Counter.COMPRESSED_BYTES),
  }
}

export function metricsFrom({ compressibleBytes, compressedBytes, ...totals }: Totals): PerformanceMetrics {
  return { ...totals, compressionRatio: compressionRatio(compressibleBytes, compressedBytes) }
}

export function statsOf(engine: Engine, startedMs: number): Stats {
  const { counters, rates, shardCounters, supervisor } = engine
  const nowMs = performance.now()
  const total: Count = (counter) => shardCounters.total(counter)
  const failures = shardCounters.failures()
  for (const [code, count] of Object.entries(counters.timeouts)) {
    if (count > 0) failures.set(code as ErrorCode, (failures.get(code as ErrorCode) ?? 0) + count)
  }
  const totals = totalsOf(engine)
  const dropped = droppedIn(total)
  const errors = errorsIn(total)
  return {
    ...metricsFrom(totals),
    handoff: engine.strategy,
    uptime: nowMs - startedMs,
    totalConnections: counters.opened,
    capacity: engine.capacity,
    perSecond: rates.read(nowMs, trafficOf(total)),
    wireBytesIn: total(Counter.WIRE_BYTES_IN),
    wireBytesOut: total(Counter.WIRE_BYTES_OUT),
    queuedBytes: total(Counter.QUEUED_BYTES),
    rooms: engine.rooms.size,
    memberships: engine.rooms.memberships,
    coalesced: counters.coalescedMessages + total(Counter.COALESCED_MESSAGES),
    refusedJoins: refusedJoinsOf(engine),
    users: engine.users.stats(),
    reconnections: counters.reconnections,
    sessions: engine.sessions?.stats() ?? NO_SESSIONS,
    rejected: byReason(counters.rejected),
    dropped: {
      ...dropped,
      backpressure: dropped.backpressure + counters.refusedByBackpressure,
      link: dropped.link + counters.refusedByLink,
      invalid: dropped.invalid + counters.invalidMessages,
    },
    errors: { ...errors, handler: errors.handler + counters.handlerErrors },
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
    acceptorDeaths: counters.acceptorDeaths,
    evacuations: counters.evacuations,
    moves: engine.mover.totals,
    rebalances: counters.rebalances,
    degradedShards: supervisor.degraded,
    stalledShards: supervisor.stalled,
    zombies: supervisor.zombies,
    memory: { ...engine.memory.reading, steps: { ...engine.memory.counts } },
    compute: engine.compute.stats(),
    shards: supervisor.shards.map((shard) => shardStatsOf(engine, shard, nowMs)),
  }
}

const NO_SESSIONS: SessionStats = { held: 0, bytes: 0, expired: 0, evicted: 0, refused: 0, unkept: 0 }

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

function byReason(counts: ReadonlyMap<ErrorCode, number>): Stats['rejected'] {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
  return { total, reasons: Object.fromEntries(counts) }
}
