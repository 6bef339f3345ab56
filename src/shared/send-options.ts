import type { ConnectionKey } from './connection-key.ts'

/** How one message is sent. */
export interface SendOptions {
  /** Default: text for a string, binary for bytes. */
  readonly isBinary?: boolean
  /** False sends this message as it is, whatever was agreed on. Default true. */
  readonly compress?: boolean
}

/** A socket, as far as messages for many connections are concerned. */
export interface Addressee {
  /** Of the connection. */
  readonly id: string
  /** By the engine. */
  readonly key: ConnectionKey
}

/** How a message may wait for a later one that takes its place. */
export interface CoalesceOptions {
  /**
   * Milliseconds in which no more than one message leaves for the same rooms and `coalesceKey`, 0 to 60000: the first
   * leaves at once, and of those that come within its window the last one at the end of it. For values that replace each
   * other, as prices and positions do. A message that waits keeps no order with others. Default 0: every message leaves.
   */
  readonly coalesceMs?: number
  /** What the message is about, for rooms with messages that do not replace each other. Default ''. */
  readonly coalesceKey?: string
}

/** How a message for many connections is to be sent. */
export interface BroadcastOptions extends SendOptions {
  /** Connections that do not get it, or their ids. */
  readonly except?: string | Addressee | readonly (string | Addressee)[]
  /** Rooms whose members do not get it. */
  readonly exceptRooms?: string | readonly string[]
}

/** How a message for the members of rooms is to be sent. */
export interface PublishOptions extends BroadcastOptions, CoalesceOptions {}
