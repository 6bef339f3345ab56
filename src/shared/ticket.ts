export type StrategyName = 'transfer' | 'descriptor' | 'relay' | 'local'

/** What travels on the link's port so that the shard can take one socket. Structured-cloneable; opaque outside `handoff/`. */
export interface Ticket {
  /**
   * 'main': it comes from another shard by way of main, which sends a ticket of its own. 'here': the shard has read the
   * request itself and keeps the socket.
   */
  readonly via: StrategyName | 'main' | 'here'
}

/** Of a connection whose request its shard has read: main has accepted it, and this 101 is its due. */
export interface HereTicket extends Ticket {
  readonly via: 'here'
  readonly visit: number
  readonly answer: Uint8Array
}

/** What main passes to a shard at its start so that the shard can build its taker. Structured-cloneable. */
export interface TakerSetup {
  readonly strategy: StrategyName
  /** The path of a Unix socket, `descriptor` only. */
  readonly path?: string
}
