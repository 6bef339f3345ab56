import { BroadcastChannel, isMainThread } from 'node:worker_threads'

/**
 * Garbage collection on every thread of a server. A shard loads this module by `--import`; then it collects when
 * main asks and answers with what is left.
 */
interface Answer {
  readonly heapBytes: number
}

/** How long a shard that is busy may take to answer. */
const ANSWER_MS = 2000

const channel = new BroadcastChannel('hostile-heaps')
// It must not keep a thread alive that has nothing else to do.
channel.unref()

let onAnswer: (heapBytes: number) => void = () => {}

channel.onmessage = (event) => {
  const { data } = event as { data: Answer | 'collect' }
  if (data !== 'collect') onAnswer(data.heapBytes)
  else if (!isMainThread) channel.postMessage({ heapBytes: collectHere() } satisfies Answer)
}

/** Collects on this thread and on so many shards; resolves with what all of them still use, in bytes. */
export async function collectEverywhere(shards: number): Promise<number> {
  let heapBytes = 0
  let missing = shards
  const answered = new Promise<void>((resolve, reject) => {
    const deadline = setTimeout(() => reject(new Error(`${missing} shards did not collect garbage`)), ANSWER_MS)
    onAnswer = (bytes) => {
      heapBytes += bytes
      missing -= 1
      if (missing === 0) onAllAnswered()
    }
    function onAllAnswered(): void {
      clearTimeout(deadline)
      resolve()
    }
    if (shards === 0) onAllAnswered()
  })
  channel.postMessage('collect')
  heapBytes += collectHere()
  await answered
  return heapBytes
}

/** V8's used heap and external memory of this thread, in bytes. */
export function ownHeapBytes(): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function collectHere(): number {
  const { gc } = globalThis as { gc?: () => void }
  if (gc === undefined) throw new Error('the garbage collector is not exposed')
  gc()
  return ownHeapBytes()
}
