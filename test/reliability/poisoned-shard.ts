import type { ShardTask } from '../../src/shared/messages.ts'
import runObservedShard from './observed-shard.ts'
import { poison } from './poison.ts'

export default function runPoisonedShard(task: ShardTask): Promise<void> {
  poison()
  return runObservedShard(task)
}
