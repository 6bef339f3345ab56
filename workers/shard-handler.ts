import type { ConnectionKey } from '../src/shared/connection-key.ts'

/** A connection as a handler on its own thread sees it. */
export interface HandledConnection {
  readonly key: ConnectionKey
  /** Copies `payload`. `flags`: see `SendFlag`. */
  send(payload: Uint8Array, flags: number): void
}

/** The other connections of the shard, as its handler sees them. */
export interface HandledShard {
  /** `frame` is complete, header included, and not copied. */
  broadcast(frame: Buffer, payloadBytes: number, except: ConnectionKey, flags: number): void
}

/** Takes the messages of a shard on the shard's own thread, instead of main. */
export interface ShardHandler {
  /** `payload` is valid during the call only. */
  message(connection: HandledConnection, payload: Buffer, isBinary: boolean): void
}
