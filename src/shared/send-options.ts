import type { ConnectionKey } from './connection-key.ts'

export interface SendOptions {
  /** Default: text for a string, binary for bytes. */
  readonly isBinary?: boolean
  /** False sends this message as it is, whatever was agreed on. Default true. */
  readonly compress?: boolean
}

/** A socket, as far as messages for many connections are concerned. */
export interface Addressee {
  readonly id: string
  readonly key: ConnectionKey
}

/** How a message for many connections is to be sent. */
export interface BroadcastOptions extends SendOptions {
  /** Connections that do not get it, or their ids. */
  readonly except?: string | Addressee | readonly (string | Addressee)[]
  /** Rooms whose members do not get it. */
  readonly exceptRooms?: string | readonly string[]
}
