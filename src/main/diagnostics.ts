import { channel } from 'node:diagnostics_channel'
import type { UpgradeRequest } from '../shared/upgrade-request.ts'
import type { ShardEvent } from './supervisor.ts'

/**
 * The events of every server of the process, on channels of `node:diagnostics_channel`, for those who watch without being
 * part of the application. A channel without subscribers costs next to nothing.
 */
const CONNECTION = channel('shardws:connection')
const CLOSE = channel('shardws:close')
const ERROR = channel('shardws:error')
const SHARD = channel('shardws:shard')

export const diagnostics = {
  connection(id: string, request: UpgradeRequest): void {
    if (CONNECTION.hasSubscribers) CONNECTION.publish({ id, request })
  },
  close(id: string, code: number, reason: string): void {
    if (CLOSE.hasSubscribers) CLOSE.publish({ id, code, reason })
  },
  error(id: string | null, error: Error): void {
    if (ERROR.hasSubscribers) ERROR.publish({ id, error })
  },
  shard(event: ShardEvent): void {
    if (SHARD.hasSubscribers) SHARD.publish(event)
  },
}
