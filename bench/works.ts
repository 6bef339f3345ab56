/** What a server does with a message: send it back, send it to every connection, or read it as JSON and answer in JSON. */
export type App = 'echo' | 'fan-out' | 'json'

/**
 * What the load does with its connections. `batches`: each writes a batch, waits for every reply, writes the next.
 * `paced`: each writes a single message at fixed times, whether or not the last one was answered. `churn`: each opens,
 * closes and is replaced by a new one. `idle`: each has one message answered and then stays silent.
 */
export type LoadKind = 'batches' | 'paced' | 'churn' | 'idle'

/** One workload: the same bytes and the same pace for every server. */
export interface Work {
  readonly name: string
  readonly title: string
  readonly load: LoadKind
  readonly app: App
  readonly connections: number
  readonly payloadBytes: number
  /** Messages a publisher writes at once; the next batch leaves when every reply of this one has arrived. */
  readonly inFlight: number
  /** How many times longer than usual the warm-up is. */
  readonly warmUp?: number
  /** permessage-deflate without context takeover; messages are JSON text. */
  readonly deflate?: true
  /** Over TLS, as Node's defaults agree on it. */
  readonly tls?: true
  /** The server's main thread computes for 50 ms of every 62.5 ms. */
  readonly mainBusy?: true
}

const ECHO = { load: 'batches', app: 'echo', connections: 64, payloadBytes: 64, inFlight: 1 } as const
const FAN_OUT = { ...ECHO, app: 'fan-out', connections: 500 } as const
const JSON_APP = { ...ECHO, app: 'json', payloadBytes: 512 } as const
const PACED = { ...ECHO, load: 'paced', connections: 50 } as const

export const WORKS: readonly Work[] = [
  { name: 'echo-64-1', title: 'echo 64 B, 1 in flight', ...ECHO },
  { name: 'echo-64-16', title: 'echo 64 B, 16 in flight', ...ECHO, inFlight: 16 },
  { name: 'echo-16k-1', title: 'echo 16 KiB, 1 in flight', ...ECHO, payloadBytes: 16 * 1024 },
  { name: 'echo-1m-1', title: 'echo 1 MiB, 1 in flight', ...ECHO, connections: 8, payloadBytes: 1024 * 1024 },
  { name: 'fan-out-64-1', title: 'fan-out to 500, 64 B, 1 in flight', ...FAN_OUT },
  { name: 'fan-out-64-8', title: 'fan-out to 500, 64 B, 8 in flight', ...FAN_OUT, inFlight: 8 },
  { name: 'fan-out-64-16', title: 'fan-out to 500, 64 B, 16 in flight', ...FAN_OUT, inFlight: 16 },
  { name: 'deflate-1k-1', title: 'deflate echo, 1 KiB JSON, no takeover', ...ECHO, payloadBytes: 1024, deflate: true },
  { name: 'json-512-1', title: 'JSON request of 512 B, 1 in flight', ...JSON_APP },
  { name: 'json-512-16', title: 'JSON request of 512 B, 16 in flight', ...JSON_APP, inFlight: 16 },
  // V8 sees the code of a connection's beginning and end once per connection: it takes thousands to compile it.
  { name: 'connect', title: 'connect, upgrade, close', ...ECHO, load: 'churn', connections: 32, warmUp: 4 },
  {
    name: 'idle-memory',
    title: 'memory of 10,000 idle connections',
    ...ECHO,
    load: 'idle',
    connections: 10_000,
    payloadBytes: 5,
  },
  { name: 'wss', title: 'TLS echo 64 B, 1 in flight', ...ECHO, tls: true },
  { name: 'latency-idle', title: 'p99 of single echoes, main idle', ...PACED },
  { name: 'latency-busy', title: 'p99 of single echoes, main busy 80 %', ...PACED, mainBusy: true },
  { name: 'wss-busy', title: 'p99 of single echoes over TLS, main busy 80 %', ...PACED, tls: true, mainBusy: true },
  {
    name: 'json-busy',
    title: 'p99 of single JSON requests, main busy 80 %',
    ...JSON_APP,
    load: 'paced',
    connections: 50,
    mainBusy: true,
  },
]
