import { BroadcastChannel } from 'node:worker_threads'
import type { ShardTask } from '../../src/shared/messages.ts'
import runShard from '../../workers/shard.ts'
import { type Answer, memoryAfterGc, type Question, ROW_CHANNEL } from './row-channel.ts'

/** However wrong a test goes, a frozen shard thaws. */
const LONGEST_FREEZE_MS = 30_000

/** The shard of the engine, and besides it tells what memory it holds and freezes when it is told to. */
export default function runObservedShard(task: ShardTask): Promise<void> {
  const channel = new BroadcastChannel(ROW_CHANNEL)
  channel.onmessage = (event) => {
    const { data } = event as { data: Question | Answer }
    if (!('ask' in data) || data.shard !== task.index) return
    const memory = memoryAfterGc()
    channel.postMessage({ shard: task.index, answer: data.ask, memory } satisfies Answer)
    if (data.ask !== 'freeze') return
    // In a turn of its own, so that the answer has left.
    setImmediate(() => Atomics.wait(new Int32Array(data.ice), 0, 0, LONGEST_FREEZE_MS))
  }
  return runShard(task).finally(() => channel.close())
}
