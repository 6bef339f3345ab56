import type { ShardwsError } from '../shared/errors.ts'
import type { Logger } from './logger.ts'
import type { MainCounters } from './main-counters.ts'
import type { ShardEvent } from './supervisor.ts'

const LEVELS = {
  started: 'info',
  stalled: 'warn',
  resumed: 'info',
  evacuated: 'warn',
  exited: 'error',
  degraded: 'error',
} as const

/** Counts and logs what has become of a shard. */
export function recordShardEvent({ kind, shard, cause }: ShardEvent, counters: MainCounters, logger: Logger): void {
  if (kind === 'stalled') counters.shardStalls++
  if (kind === 'evacuated') counters.evacuations++
  if ((cause as ShardwsError | undefined)?.code === 'SHARD_STALLED') counters.shardKills++
  logger[LEVELS[kind]]({ shard, cause: String(cause ?? '') }, `shard ${kind}`)
}
