import { BroadcastChannel, isMainThread } from 'node:worker_threads'

/**
 * Garbage collection and heap sizes across the threads of a server. A shard loads this module by `--import`; then it
 * collects when main asks and answers with what is left. Needs `--expose-gc`, or Bun.
 */
interface HeapReport {
  readonly heapBytes: number
}

const channel = new BroadcastChannel('bench-heap')
channel.unref()

let shardHeapBytes = 0

channel.onmessage = (event) => {
  const { data } = event as { data: HeapReport | 'collect' }
  if (data !== 'collect') {
    shardHeapBytes += data.heapBytes
  } else if (!isMainThread) {
    collect()
    channel.postMessage({ heapBytes: ownHeapBytes() } satisfies HeapReport)
  }
}

export function collectGarbage(): void {
  shardHeapBytes = 0
  collect()
  channel.postMessage('collect')
}

export function heapBytes(): number {
  return ownHeapBytes() + shardHeapBytes
}

function ownHeapBytes(): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function collect(): void {
  const { gc, Bun } = globalThis as { gc?: () => void; Bun?: { gc(synchronous: boolean): void } }
  gc?.()
  Bun?.gc(true)
}
