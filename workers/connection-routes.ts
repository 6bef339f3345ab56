import type { CommandHandler, ConnectionCommand } from '../src/shared/commands.ts'
import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { type ConnectionTable, ReadyState } from '../src/shared/connection-table.ts'
import { Counter } from '../src/shared/counters.ts'
import type { RoomInterest } from '../src/shared/room-interest.ts'
import type { ConnectionContext } from './connection-context.ts'
import type { Moves } from './moves.ts'
import type { SiblingLink } from './sibling-link.ts'

type Arguments<Name extends ConnectionCommand> = Parameters<CommandHandler[Name]>

/** What the routes need of their own shard. */
export interface RoutedShard {
  readonly index: number
  readonly siblings: ReadonlyMap<number, SiblingLink>
  readonly moves: Pick<Moves, 'destinationOf'>
  /** One of this shard's own; false as for `Socket.send`. */
  offer(key: ConnectionKey, message: string | Uint8Array, flags: number): boolean
  /** For a connection of this shard, or one that is on its way to it. */
  here<Name extends ConnectionCommand>(name: Name, ...args: Arguments<Name>): void
}

/**
 * The way to every connection of the server for handlers of this shard, wherever it lives: all that goes to one connection
 * goes over one link, in order. What takes something away (`close`, `terminate`, `leave`) is never refused; the rest is when
 * its shard is too far behind, and counted.
 */
export class ConnectionRoutes {
  readonly table: ConnectionTable
  readonly #context: ConnectionContext
  readonly #shard: RoutedShard
  readonly #interest: RoomInterest

  constructor(context: ConnectionContext, shard: RoutedShard, interest: RoomInterest) {
    this.table = context.table
    this.#context = context
    this.#shard = shard
    this.#interest = interest
  }

  /** False as for `Socket.send`. */
  offer(key: ConnectionKey, message: string | Uint8Array, flags: number): boolean {
    if (this.table.readyState(key) !== ReadyState.OPEN) return false
    const sibling = this.#siblingOf(key)
    if (sibling === undefined) return this.#shard.offer(key, message, flags)
    const queuedBytes = this.table.queuedBytes(key)
    if (queuedBytes > 0 && queuedBytes + message.length > this.#context.options.maxBackpressure) {
      return this.#refused(Counter.REFUSED_BY_BACKPRESSURE)
    }
    if (!sibling.hasCredit()) return this.#refused(Counter.REFUSED_BY_LINK)
    sibling.send(key, message, flags)
    return true
  }

  close(key: ConnectionKey, code: number, reason: string): void {
    this.#post(key, 'close', key, code, reason)
  }

  terminate(key: ConnectionKey): void {
    this.#post(key, 'terminate', key)
  }

  ping(key: ConnectionKey, payload: Uint8Array): void {
    if (this.#isReachable(key, Counter.DROPPED_CONTROLS)) this.#post(key, 'ping', key, Buffer.from(payload))
  }

  pong(key: ConnectionKey, payload: Uint8Array): void {
    if (this.#isReachable(key, Counter.DROPPED_CONTROLS)) this.#post(key, 'pong', key, Buffer.from(payload))
  }

  markAlive(key: ConnectionKey): void {
    if (this.#isReachable(key, Counter.DROPPED_CONTROLS)) this.#post(key, 'markAlive', key)
  }

  /** Whether its shard can be asked for a `join`; that it cannot is counted. */
  canJoin(key: ConnectionKey): boolean {
    return this.#isReachable(key, Counter.REFUSED_BY_LINK)
  }

  /** Its shard checks the limits. Whoever publishes from now on does not pass it over. */
  join(key: ConnectionKey, room: string): void {
    this.#interest.announce(this.#siblingOf(key)?.index ?? this.#shard.index, room)
    this.#post(key, 'join', key, room)
  }

  leave(key: ConnectionKey, room: string): void {
    this.#post(key, 'leave', key, room)
  }

  #post<Name extends ConnectionCommand>(key: ConnectionKey, name: Name, ...args: Arguments<Name>): void {
    const sibling = this.#siblingOf(key)
    if (sibling === undefined) this.#shard.here(name, ...args)
    else sibling.command(name, ...args)
  }

  #isReachable(key: ConnectionKey, counter: Counter): boolean {
    return (this.#siblingOf(key)?.hasCredit() ?? true) || this.#refused(counter)
  }

  /** The link to the shard that has this connection, or will have it; undefined: this one. */
  #siblingOf(key: ConnectionKey): SiblingLink | undefined {
    const { moves, siblings } = this.#shard
    return siblings.get(moves.destinationOf(key) ?? this.table.shard(key))
  }

  #refused(counter: Counter): false {
    this.#context.counters.add(counter, 1)
    return false
  }
}
