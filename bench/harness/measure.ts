import type { Peer } from '../peers.ts'
import type { Work } from '../works.ts'
import { measureMemory } from './measure-memory.ts'
import { measureTraffic, type Timing } from './measure-traffic.ts'

/** One server under one workload, once. Null is what the work or the platform does not tell. */
export interface Measurement {
  /** Received in the window, every byte verified; for fan-out one per member reached, for `connect` connections. */
  readonly messages: number | null
  readonly messagesPerSecond: number | null
  /** Server CPU per message, all threads, user and system. */
  readonly cpuUsPerMessage: number | null
  /** The main thread's part of it. */
  readonly mainCpuUsPerMessage: number | null
  /** What the server wrote per message, frame headers included. */
  readonly wireBytesPerMessage: number | null
  /** Cores kept busy, 1 being one core: who was the bottleneck. */
  readonly serverCores: number | null
  readonly loadCores: number | null
  /** Cores that other processes kept busy meanwhile: how far to trust this measurement. */
  readonly foreignCores: number | null
  /** From writing a batch to its last reply; for `connect` from connecting to the end. */
  readonly p50Us: number | null
  readonly p99Us: number | null
  readonly maxUs: number | null
  readonly rssBytes: number | null
  readonly rssBytesPerConnection: number | null
  /** JavaScript heap and what it holds outside, of all threads. */
  readonly heapBytesPerConnection: number | null
}

export type Metric = keyof Measurement

/** Starts server and load in processes of their own, measures, and ends both whatever happens. */
export function measure(
  peer: Peer,
  work: Work,
  timing: Timing,
  progress: (messagesPerSecond: number) => void,
): Promise<Measurement> {
  return work.load === 'idle' ? measureMemory(peer, work) : measureTraffic(peer, work, timing, progress)
}
