import type { Metric } from './harness/measure.ts'
import { IN_SHARD, REFERENCE } from './peers.ts'

/** A ratio between two figures of one run that shardws wants to reach. */
export interface Target {
  readonly work: string
  readonly server: string
  /** Default: the one the work's ratios are about. */
  readonly metric?: Metric
  /** What it is compared with; default: the same metric of the same work. */
  readonly of: { readonly server: string; readonly work?: string; readonly metric?: Metric }
  readonly atMost: number
}

/** Unmasking costs `ws` far more on Node 20, which inlines less of its byte loop. */
const LARGE_ECHO_AT_MOST = Number(process.versions.node.split('.')[0]) < 22 ? 0.45 : 0.65

export const TARGETS: readonly Target[] = [
  inShard('echo-64-1', 0.8),
  { work: 'echo-64-1', server: IN_SHARD, of: { server: 'net' }, atMost: 1.05 },
  { work: 'echo-64-1', server: 'shardws', of: { server: REFERENCE }, atMost: 0.95 },
  inShard('echo-64-16', 0.08),
  { work: 'echo-64-16', server: 'shardws', of: { server: REFERENCE }, atMost: 0.15 },
  { work: 'echo-64-16', server: 'shardws-2', of: { server: IN_SHARD }, atMost: 1.15 },
  inShard('echo-16k-1', LARGE_ECHO_AT_MOST),
  inShard('echo-1m-1', 0.6),
  inShard('fan-out-64-1', 0.88),
  inShard('fan-out-64-8', 0.22),
  inShard('deflate-1k-1', 0.22),
  { ...inShard('deflate-1k-1', 1.1), metric: 'wireBytesPerMessage' },
  // The application's own work is the same for everybody.
  inShard('json-512-1', 0.9),
  inShard('json-512-16', 0.5),
  inShard('json-busy', 0.03),
  inShard('connect', 1.3),
  {
    work: 'connect',
    server: IN_SHARD,
    metric: 'mainCpuUsPerMessage',
    of: { server: REFERENCE, metric: 'cpuUsPerMessage' },
    atMost: 0.6,
  },
  inShard('idle-memory', 0.85),
  inShard('latency-busy', 0.03),
  { work: 'latency-busy', server: IN_SHARD, of: { server: IN_SHARD, work: 'latency-idle' }, atMost: 3 },
]

function inShard(work: string, atMost: number): Target {
  return { work, server: IN_SHARD, of: { server: REFERENCE }, atMost }
}
