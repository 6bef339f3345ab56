export type StrategyName = 'transfer' | 'descriptor' | 'relay' | 'local'

/** What travels on the link's port so that the shard can take one socket. Structured-cloneable; opaque outside `handoff/`. */
export interface Ticket {
  /** 'main': it comes from another shard by way of main, which sends a ticket of its own. */
  readonly via: StrategyName | 'main'
}

/** What main passes to a shard at its start so that the shard can build its taker. Structured-cloneable. */
export interface TakerSetup {
  readonly strategy: StrategyName
  /** The path of a Unix socket, `descriptor` only. */
  readonly path?: string
}
