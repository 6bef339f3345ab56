/** What a server does with a message: answer its sender, or send it to every connection. */
export type App = 'echo' | 'fan-out'

/** One workload: the same bytes and the same pace for every server. */
export interface Work {
  readonly name: string
  readonly title: string
  readonly app: App
  readonly connections: number
  readonly payloadBytes: number
  /** Messages a publisher writes at once; the next batch leaves when every reply of this one has arrived. */
  readonly inFlight: number
}

export const WORKS: readonly Work[] = [
  {
    name: 'echo-64-1',
    title: 'echo 64 B, 1 in flight',
    app: 'echo',
    connections: 64,
    payloadBytes: 64,
    inFlight: 1,
  },
  {
    name: 'echo-64-16',
    title: 'echo 64 B, 16 in flight',
    app: 'echo',
    connections: 64,
    payloadBytes: 64,
    inFlight: 16,
  },
  {
    name: 'echo-16k-1',
    title: 'echo 16 KiB, 1 in flight',
    app: 'echo',
    connections: 64,
    payloadBytes: 16 * 1024,
    inFlight: 1,
  },
  {
    name: 'fan-out-64-1',
    title: 'fan-out to 500, 64 B, 1 in flight',
    app: 'fan-out',
    connections: 500,
    payloadBytes: 64,
    inFlight: 1,
  },
  {
    name: 'fan-out-64-16',
    title: 'fan-out to 500, 64 B, 16 in flight',
    app: 'fan-out',
    connections: 500,
    payloadBytes: 64,
    inFlight: 16,
  },
]
