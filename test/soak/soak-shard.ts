import type { ShardTask } from '../../src/shared/messages.ts'
import runObedientShard from '../fixtures/shards/obedient-shard.ts'
import { breakShard, MUTANT } from './mutants.ts'

/** A shard that does what it is told and, for the proof of the checker, has a defect. */
export default function runSoakShard(task: ShardTask): Promise<void> {
  breakShard(MUTANT)
  return runObedientShard(task)
}
