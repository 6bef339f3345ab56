import type { Work } from './works.ts'

/**
 * Every message between the harness and its children. Each command has exactly one reply, in order;
 * `failed` may stand in for any of them and ends the measurement.
 */
export interface Failed {
  readonly type: 'failed'
  readonly reason: string
}

/** What the server process has used since it started, read inside that process. */
export interface ServerUsage {
  /** `performance.now()` of the server: only differences mean something. */
  readonly atMs: number
  /** User and system time of all threads. */
  readonly cpuUs: number
  /** The main thread's part, in steps of 10 000 µs; null where the platform does not tell. */
  readonly mainCpuUs: number | null
  readonly rssBytes: number
  /** JavaScript heap and what it holds outside, of main and of every shard that answered the last `collect`. */
  readonly heapBytes: number
}

export type ServerCommand =
  | { readonly type: 'start'; readonly work: Work }
  /** Collect garbage on every thread. Shards do it after the reply: leave them time before measuring. */
  | { readonly type: 'collect' }
  | { readonly type: 'measure' }

export type ServerReply =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'collecting' }
  | { readonly type: 'measured'; readonly usage: ServerUsage }
  | Failed

/** What the load generator has received, and verified, since it started. */
export interface LoadSample {
  /** `performance.now()` of the load generator: only differences mean something. */
  readonly atMs: number
  readonly cpuUs: number
  /** Messages received whose every byte was compared; a wrong byte ends the measurement instead. For `churn`: connections. */
  readonly messages: number
  /** Received after the handshakes, frame headers included. */
  readonly wireBytes: number
  /** Round trips of whole batches since the last sample with `reset`; 0 when there was none. */
  readonly p50Us: number
  readonly p99Us: number
  readonly maxUs: number
}

export type LoadCommand =
  | {
      readonly type: 'run'
      readonly port: number
      readonly work: Work
      /** The server sends back the bytes it got, masked as they came. */
      readonly mirror?: boolean
    }
  | { readonly type: 'sample'; readonly reset: boolean }

export type LoadReply =
  | { readonly type: 'running' }
  | { readonly type: 'sampled'; readonly sample: LoadSample }
  | Failed
