import { performance } from 'node:perf_hooks'
import type { Exposition, Series } from './exposition.ts'

/** What is known of one shard at one time. Undefined: the server does not tell. */
export interface ShardReading {
  readonly shard: number
  readonly connections: number
  /** Ever. */
  readonly received: number
  readonly sent: number
  readonly queuedBytes: number
  readonly heapBytes: number
  readonly externalBytes: number
  /** 0 to 1. */
  readonly utilization: number | undefined
  readonly delayMs: number | undefined
  /** 0 to 1. */
  readonly memoryPressure: number
}

/** What is known of one server at one time. */
export interface ServerReading {
  /** '' when the endpoint is of one server only. */
  readonly name: string
  /** Milliseconds of this process. */
  readonly atMs: number
  readonly uptimeSeconds: number
  readonly isReady: boolean
  readonly connections: number
  readonly capacity: number
  readonly mainDelayMs: number
  readonly rooms: number
  /** Ever. */
  readonly received: number
  readonly sent: number
  /** Ever, by what is shown below the lanes. */
  readonly troubles: Readonly<Record<string, number>>
  readonly shards: readonly ShardReading[]
}

const MS = 1000

/** Counters whose sum over all labels is a trouble. */
const TROUBLES: Readonly<Record<string, string>> = {
  'handshakes refused': 'shardws_rejected_total',
  'messages dropped': 'shardws_dropped_total',
  'connections failed': 'shardws_failures_total',
  'handler and peer errors': 'shardws_errors_total',
  'slow readers closed': 'shardws_slow_consumers_total',
  'shards died': 'shardws_shard_deaths_total',
}

/** Every server of the exposition; none if it is not one of shardws. */
export function readServers(exposition: Exposition): ServerReading[] {
  const atMs = performance.now()
  const names = (exposition.get('shardws_uptime_seconds') ?? []).map(({ labels }) => labels.server ?? '')
  return names.map((name) => readServer(name, atMs, exposition))
}

function readServer(name: string, atMs: number, exposition: Exposition): ServerReading {
  const seriesOf = (metric: string): Series[] =>
    (exposition.get(metric) ?? []).filter(({ labels }) => (labels.server ?? '') === name)
  const sum = (metric: string): number => seriesOf(metric).reduce((total, { value }) => total + value, 0)
  const ofShard = (metric: string, shard: string): number | undefined =>
    seriesOf(metric).find(({ labels }) => labels.shard === shard)?.value
  const shards = seriesOf('shardws_shard_connections').map(({ labels: { shard = '' }, value }) => {
    const delaySeconds = ofShard('shardws_shard_loop_delay_seconds', shard)
    return {
      shard: Number(shard),
      connections: value,
      received: ofShard('shardws_shard_messages_received_total', shard) ?? 0,
      sent: ofShard('shardws_shard_messages_sent_total', shard) ?? 0,
      queuedBytes: ofShard('shardws_shard_queued_bytes', shard) ?? 0,
      heapBytes: ofShard('shardws_shard_heap_bytes', shard) ?? 0,
      externalBytes: ofShard('shardws_shard_external_bytes', shard) ?? 0,
      memoryPressure: ofShard('shardws_shard_memory_pressure_ratio', shard) ?? 0,
      utilization: ofShard('shardws_shard_loop_utilization_ratio', shard),
      delayMs: delaySeconds === undefined ? undefined : delaySeconds * MS,
    }
  })
  return {
    name,
    atMs,
    uptimeSeconds: sum('shardws_uptime_seconds'),
    isReady: sum('shardws_ready') === 1,
    connections: sum('websocket_connections_active'),
    capacity: sum('shardws_capacity'),
    mainDelayMs: sum('shardws_main_lag_seconds') * MS,
    rooms: sum('websocket_rooms_total'),
    received: sum('websocket_messages_received_total'),
    sent: sum('websocket_messages_sent_total'),
    troubles: Object.fromEntries(Object.entries(TROUBLES).map(([what, metric]) => [what, sum(metric)])),
    shards: shards.sort((one, other) => one.shard - other.shard),
  }
}
