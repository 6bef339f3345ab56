/** What the server process notes of one round. */
export interface ServerBook {
  /** What main has published, in order; `ok`: false for what `publish` refused. */
  readonly sent: readonly MainMessage[]
  readonly hits: readonly Hit[]
  /** From an error that nobody has caught to the end of the last move. */
  readonly evacuationsMs: readonly number[]
  /** When main has heard that a client's connection has ended, machine time. */
  readonly closes: readonly { readonly client: number; readonly ms: number }[]
  readonly drops: Readonly<Record<'slowConsumer' | 'backpressure' | 'link', number>>
  /** What must never happen: uncaught errors, protocol errors, negative gauges, ghosts in rooms. */
  readonly faults: readonly string[]
  /** Of handshakes, closes and moves. */
  readonly counts: Readonly<Record<string, number>>
}

export interface MainMessage {
  readonly seq: number
  readonly room: number
  readonly ms: number
  readonly isRefused: boolean
}

/** A shard was told to end. */
export interface Hit {
  readonly shard: number
  readonly how: string
  /** Machine time of the order, and of the next shard that adopted connections. */
  readonly fromMs: number
  readonly untilMs: number
  /** From the order to main's verdict that it is dead. */
  readonly detectionMs: number
  /** From that verdict to the next shard. */
  readonly recoveryMs: number
  /** Connections were moving. */
  readonly isMoving: boolean
  /** The clients on the shard at the order; null if connections were moving: anybody may have been. */
  readonly clients: readonly number[] | null
}

export interface AtRest {
  readonly connections: number
  readonly openForMain: number
  readonly rooms: number
  readonly memberships: number
  readonly queuedBytes: number
  readonly zombies: number
  readonly threads: number
  readonly descriptors: number
  readonly rssBytes: number
  /** Of main: objects, and Buffers beside them. */
  readonly heapBytes: number
}
