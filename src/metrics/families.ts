import type { Health, ShardState } from '../main/health.ts'
import type { ShardStats } from '../main/shard-stats.ts'
import type { Stats } from '../main/stats.ts'
import { ERROR_CODES, ERRORS, type ErrorCode } from '../shared/errors.ts'

/** What is known of one server at one time. */
export interface Reading {
  readonly stats: Stats
  readonly health: Health
}

/** One figure, or one for each value of the family's label. */
export type Samples = number | Readonly<Partial<Record<string, number>>>

/**
 * One name of the exposition format. Labels are shards, reasons, options, outcomes and states: what clients choose, such as
 * names of rooms, is never one, or they would choose how many series there are.
 */
export interface Family {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly label: string | null
  read(reading: Reading): Samples
}

type Read = (reading: Reading) => Samples

const REFUSING = ERROR_CODES.filter((code) => ERRORS[code].status !== undefined)
const CLOSING = ERROR_CODES.filter((code) => ERRORS[code].closeCode !== undefined)
const STATES: readonly ShardState[] = ['starting', 'adopting', 'late', 'stalled', 'full', 'degraded', 'stopped']
const MS_PER_SECOND = 1000

export const FAMILIES: readonly Family[] = [
  // ── the names of NextRush's document ──
  gauge('websocket_connections_active', 'Connections open now.', ({ stats }) => stats.connections),
  // A gauge with the name of a counter, which is what it has always been called.
  gauge('websocket_rooms_total', 'Rooms with at least one member now.', ({ stats }) => stats.rooms),
  counter(
    'websocket_messages_sent_total',
    'Messages sent; a broadcast counts once for each connection it went to.',
    ({ stats }) => stats.messagesSent,
  ),
  counter('websocket_messages_received_total', 'Messages received.', ({ stats }) => stats.messagesReceived),

  counter(
    'websocket_reconnections_total',
    'Connections that have resumed a session.',
    ({ stats }) => stats.reconnections,
  ),

  // ── the server ──
  gauge('shardws_uptime_seconds', 'Since the server was made.', ({ stats }) => stats.uptime / MS_PER_SECOND),
  gauge(
    'shardws_main_lag_seconds',
    'How late the main thread came to its timers: the worst of the last second or two.',
    ({ health }) => health.mainLagMs / MS_PER_SECOND,
  ),
  gauge('shardws_ready', '1 while new connections should be sent here.', ({ health }) => Number(health.ready)),
  gauge('shardws_live', '0 when only a restart of the process helps.', ({ health }) => Number(health.live)),
  gauge('shardws_capacity', 'Connections that may be open at a time.', ({ stats }) => stats.capacity),
  counter('shardws_connections_opened_total', 'Connections ever opened.', ({ stats }) => stats.totalConnections),
  gauge('shardws_memberships', 'Members of all rooms together.', ({ stats }) => stats.memberships),
  counter('shardws_received_bytes_total', 'Payload received, decompressed.', ({ stats }) => stats.bytesReceived),
  counter('shardws_sent_bytes_total', 'Payload sent, before compression.', ({ stats }) => stats.bytesSent),
  counter(
    'shardws_wire_received_bytes_total',
    'Read from sockets, framing included.',
    ({ stats }) => stats.wireBytesIn,
  ),
  counter('shardws_wire_sent_bytes_total', 'Written to sockets, framing included.', ({ stats }) => stats.wireBytesOut),
  counter('shardws_slow_consumers_total', 'Connections closed for slow reading.', ({ stats }) => stats.slowConsumers),
  counter(
    'shardws_inbound_pauses_total',
    'Times a connection was not read for a while.',
    ({ stats }) => stats.inboundPauses,
  ),
  counter('shardws_coalesced_messages_total', 'Messages replaced by a later one.', ({ stats }) => stats.coalesced),

  // ── the memory of the process ──
  gauge('shardws_memory_bytes', 'Resident memory of the process.', ({ stats }) => stats.memory.rssBytes),
  gauge(
    'shardws_memory_pressure_ratio',
    'Resident memory of the process as a part of maxMemoryBytes.',
    ({ stats }) => stats.memory.pressure,
  ),
  counter(
    'shardws_memory_steps_total',
    'Times that something was spared because memory was short.',
    ({ stats }) => stats.memory.steps,
    'step',
  ),

  // ── by reason ──
  counter(
    'shardws_dropped_total',
    'Messages, pings and pongs not sent or not taken.',
    ({ stats }) => stats.dropped,
    'reason',
  ),
  counter(
    'shardws_rejected_total',
    'Opening handshakes refused, by error code.',
    ({ stats }) => withZeros(REFUSING, stats.rejected.reasons),
    'reason',
  ),
  counter(
    'shardws_failures_total',
    'Connections that an error ended, by error code.',
    ({ stats }) => withZeros(CLOSING, stats.failures.reasons),
    'reason',
  ),
  counter('shardws_errors_total', 'Errors of peers, of TCP and of handlers.', ({ stats }) => stats.errors, 'kind'),
  counter('shardws_timeouts_total', 'Connections ended by a deadline.', ({ stats }) => stats.timeouts, 'deadline'),
  counter(
    'shardws_limit_reached_total',
    'Times the limit of an option was reached.',
    ({ stats }) => stats.limits,
    'option',
  ),
  counter('shardws_refused_joins_total', 'Joins refused.', ({ stats }) => stats.refusedJoins, 'reason'),

  // ── shards ──
  gauge('shardws_shards', 'Shards by what they do now.', ({ health }) => shardStates(health), 'state'),
  perShard(gauge, 'shardws_shard_connections', 'Connections open now.', (shard) => shard.connections),
  perShard(counter, 'shardws_shard_messages_received_total', 'Messages received.', (shard) => shard.messagesReceived),
  perShard(counter, 'shardws_shard_messages_sent_total', 'Messages sent.', (shard) => shard.messagesSent),
  perShard(
    gauge,
    'shardws_shard_queued_bytes',
    'Bytes that the kernel has not taken yet.',
    (shard) => shard.queuedBytes,
  ),
  perShard(gauge, 'shardws_shard_heap_bytes', "The thread's heap.", (shard) => shard.heapBytes),
  perShard(gauge, 'shardws_shard_external_bytes', 'Buffers outside the heap.', (shard) => shard.externalBytes),
  perShard(
    gauge,
    'shardws_shard_memory_pressure_ratio',
    'The larger of heap and Buffers as a fraction of what each may be.',
    (shard) => shard.memoryPressure,
  ),
  perShard(
    gauge,
    'shardws_shard_loop_utilization_ratio',
    'Time of the last second in which the thread was not waiting.',
    (shard) => shard.loopUtilization,
  ),
  perShard(
    gauge,
    'shardws_shard_loop_delay_seconds',
    'How late the thread came to its timers: the worst of the last second or two.',
    (shard) => shard.loopDelayMs / MS_PER_SECOND,
  ),
  counter('shardws_shard_deaths_total', 'Shards that have died and were replaced.', ({ stats }) => stats.shardDeaths),
  counter(
    'shardws_acceptor_deaths_total',
    "Times the thread of accept: 'acceptor' has died and was replaced.",
    ({ stats }) => stats.acceptorDeaths,
  ),
  counter(
    'shardws_evacuations_total',
    'Shards whose connections fled to a fresh one.',
    ({ stats }) => stats.evacuations,
  ),
  counter('shardws_rebalances_total', 'Times autoRebalance has moved connections.', ({ stats }) => stats.rebalances),
  counter(
    'shardws_moves_total',
    'Connections that moved between shards or had to stay.',
    ({ stats }) => ({ ...stats.moves }),
    'outcome',
  ),
  counter('shardws_handoffs_total', 'Sockets given to shards.', ({ stats }) => stats.handoffs, 'outcome'),
  gauge('shardws_zombie_threads', 'Threads given up and not gone yet.', ({ stats }) => stats.zombies),

  // ── users and computing ──
  gauge('shardws_users_online', 'Users with a connection now.', ({ stats }) => stats.users.online),
  gauge('shardws_outbox_messages', 'Messages kept for users who are away.', ({ stats }) => stats.users.outbox.messages),
  gauge('shardws_outbox_bytes', 'Bytes kept for users who are away.', ({ stats }) => stats.users.outbox.bytes),
  gauge('shardws_sessions_held', 'Sessions that wait for their clients.', ({ stats }) => stats.sessions.held),
  gauge('shardws_sessions_bytes', 'Bytes of the sessions that wait.', ({ stats }) => stats.sessions.bytes),
  counter(
    'shardws_sessions_ended_total',
    'Sessions that nobody resumed.',
    ({ stats }) => sessionsEnded(stats),
    'reason',
  ),
  gauge('shardws_compute_threads', 'Threads of compute.run.', ({ stats }) => stats.compute.threads),
  gauge('shardws_compute_tasks', 'Tasks of compute.run now.', ({ stats }) => computeNow(stats), 'state'),
  counter('shardws_compute_finished_total', 'Tasks that have ended.', ({ stats }) => computeEnded(stats), 'outcome'),
]

function gauge(name: string, help: string, read: Read, label: string | null = null): Family {
  return { name, type: 'gauge', help, label, read }
}

function counter(name: string, help: string, read: Read, label: string | null = null): Family {
  return { name, type: 'counter', help, label, read }
}

function perShard(kind: typeof gauge, name: string, help: string, read: (shard: ShardStats) => number): Family {
  const readAll: Read = ({ stats }) => Object.fromEntries(stats.shards.map((each) => [each.shard, read(each)]))
  return kind(name, help, readAll, 'shard')
}

/** `rate()` misses the first event of a series that was not there before. */
function withZeros(codes: readonly ErrorCode[], counts: Samples): Samples {
  return { ...Object.fromEntries(codes.map((code) => [code, 0])), ...(counts as object) }
}

function shardStates({ shards }: Health): Samples {
  return Object.fromEntries(STATES.map((state) => [state, shards.filter((shard) => shard.state === state).length]))
}

function sessionsEnded({ sessions: { expired, evicted, refused, unkept } }: Stats): Samples {
  return { expired, evicted, refused, unkept }
}

function computeNow({ compute: { running, queued } }: Stats): Samples {
  return { running, queued }
}

function computeEnded({ compute: { completed, failed, rejected, aborted, timedOut } }: Stats): Samples {
  return { completed, failed, rejected, aborted, timedOut }
}
