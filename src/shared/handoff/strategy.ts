import type { Duplex } from 'node:stream'
import type { TransferListItem } from 'node:worker_threads'
import type { StrategyName, Ticket } from '../ticket.ts'

/** Main's end: gives accepted sockets to one shard. One giver per shard and life of that shard. */
export interface Giver {
  readonly name: StrategyName
  /**
   * Detaches `socket` from this thread and hands it over. The caller has stopped reading and has no
   * write pending. `post` sends the ticket, with its transfer list, over the link's port; it is
   * called exactly once, synchronously. Afterwards `socket` is destroyed or owned by the strategy.
   * Giving to a shard that is dead never throws: the client's connection is closed.
   *
   * @throws ShardwsError NOT_TRANSFERABLE when the socket is closed, has writes pending or cannot be given this
   * way; `post` was not called, or threw, and `socket` is untouched then.
   */
  give(socket: Duplex, post: (ticket: Ticket, transfer: TransferListItem[]) => void): void
  /**
   * Where sockets cannot go from shard to shard: called for what this shard gives back, with `pass`, which gives it to the
   * shard of another giver. It does nothing if it is not called.
   */
  onReturned?: ((id: number, returned: Returned) => void) | undefined
  /** Releases whatever the strategy holds, sockets still on their way included (they are closed). */
  close(): void
}

/** A socket that a shard has given back to main. */
export interface Returned {
  /** To the shard of `giver`; null closes it. `post` as for `give`. */
  passTo(giver: Giver | null, post: (ticket: Ticket, transfer: TransferListItem[]) => void): void
}

/** How a shard reads: one buffer for all its connections, handed to `onRead` part by part. */
export interface ReadInto {
  /** The shard's shared read buffer; a transport that brings its own buffers may ignore it. */
  readonly buffer: Buffer
  /** `bytes` is valid during the call only and may be changed in place. */
  onRead(bytes: Buffer): void
}

/** The shard's end: takes what main gave. One taker per shard. */
export interface Taker {
  /**
   * Resolves when sockets can arrive. Rejects when they never will: the shard is of no use then, and
   * leaving the rejection unhandled ends it. Sockets given before it resolves are not lost.
   */
  readonly ready: Promise<void>
  /**
   * Calls `adopt` exactly once, at once or when the socket has arrived, with a Duplex that reads into
   * `readInto` (never before `adopt` has returned), or, without, is an ordinary stream; with `null` if the socket never
   * will arrive.
   * The Duplex allows half-open: the peer's FIN is an 'end' and the adopter decides when to `end()`.
   */
  take(ticket: Ticket, readInto: ReadInto | null, adopt: (socket: Duplex | null) => void): void
  /**
   * Where sockets cannot go from shard to shard: gives one that was taken back to main, which knows it by `id`. Fulfilled
   * when it is on its way. As `Giver.give` otherwise.
   */
  giveBack?: ((socket: Duplex, id: number) => Promise<void>) | undefined
  /** Closes what has arrived but was not taken, and lets the thread end. Later tickets get `null`. */
  close(): void
}
