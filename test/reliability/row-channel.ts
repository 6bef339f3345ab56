/** Between the main thread of a row server and its shards: see `observed-shard.ts`. */
export const ROW_CHANNEL = 'shardws row server'

/** `freeze`: the thread stands still until somebody writes to `ice` and notifies it. */
export type Question =
  | { readonly shard: number; readonly ask: 'memory' }
  | { readonly shard: number; readonly ask: 'freeze'; readonly ice: SharedArrayBuffer }

export interface Answer {
  readonly shard: number
  readonly answer: Question['ask']
  readonly memory: ThreadMemory
}

/** What one thread holds after a garbage collection, bytes. */
export interface ThreadMemory {
  readonly heap: number
  /** Buffers included. */
  readonly external: number
  readonly arrayBuffers: number
}

/** Of the calling thread. Needs `--expose-gc`. */
export function memoryAfterGc(): ThreadMemory {
  // The second one frees what finalizers of the first have let go of.
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed: heap, external, arrayBuffers } = process.memoryUsage()
  return { heap, external, arrayBuffers }
}
