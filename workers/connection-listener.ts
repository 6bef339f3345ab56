import type { ShardwsError } from '../src/shared/errors.ts'

/** Who hears of a connection on the shard's own thread what main hears of others: the names are those of the events. */
export interface ConnectionListener {
  /** `payload` is valid during the call only, unless nothing else refers to its memory (`isOwned`). */
  received(payload: Buffer, isBinary: boolean, isOwned: boolean): void
  /** `payload` is valid during the call only, as that of `ponged`. */
  pinged(payload: Buffer): void
  ponged(payload: Buffer): void
  /** Everything queued has been written, after an `offer` that was refused or a message that was dropped. */
  drained(): void
  failed(error: ShardwsError): void
  /** The last call. */
  closed(code: number, reason: string): void
}
