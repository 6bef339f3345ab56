import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { ReadyState } from '../src/shared/connection-table.ts'
import { Counter, type CounterRow } from '../src/shared/counters.ts'
import type { Handler } from '../src/shared/handler.ts'
import { type CanJoin, Joining, type Membership, roomLimitError } from '../src/shared/joining.ts'
import type { ShardOptions } from '../src/shared/messages.ts'
import type { RoomInterest } from '../src/shared/room-interest.ts'
import { assertRoom } from '../src/shared/room-name.ts'
import type { Socket } from '../src/shared/socket.ts'
import type { RoomReports } from './room-reports.ts'
import type { RoomMember, Rooms } from './rooms.ts'

/** A connection that this shard handles. */
export interface MemberSocket extends Socket {
  readonly connection: RoomMember
}

/** The way to connections that have moved to another shard. */
interface Elsewhere {
  canJoin(key: ConnectionKey): boolean
  join(key: ConnectionKey, room: string): void
  leave(key: ConnectionKey, room: string): void
}

export interface MembershipsContext {
  readonly options: Pick<ShardOptions, 'maxRooms' | 'maxRoomsPerConnection' | 'maxRoomSize'>
  readonly counters: CounterRow
  readonly rooms: Rooms
  readonly reports: RoomReports
  readonly interest: RoomInterest
  readonly elsewhere: Elsewhere
  onJoined(socket: MemberSocket, room: string): void
  onLeft(socket: MemberSocket, room: string): void
  onLimited(socket: MemberSocket, option: string): void
  onFailed(socket: MemberSocket, error: Error): void
}

/**
 * The rooms of the connections that this shard handles: it is the truth of them, and main follows. What a handler still asks
 * for when its connection has moved goes to the shard that handles it now, in order with what it sends.
 */
export class Memberships implements Membership<MemberSocket> {
  readonly #context: MembershipsContext
  readonly #joining = new Joining<MemberSocket>(this)

  /** Of those that have moved: as of then, and what their handlers here have done since. */
  readonly #departed = new WeakMap<MemberSocket, Set<string>>()

  constructor(context: MembershipsContext) {
    this.#context = context
  }

  namesOf(socket: MemberSocket): ReadonlySet<string> {
    return this.#departed.get(socket) ?? this.#context.rooms.namesOf(socket.connection)
  }

  /** It has moved to another shard, but has not left its rooms here yet. */
  depart(socket: MemberSocket): void {
    this.#departed.set(socket, new Set(this.namesOf(socket)))
  }

  /** A handler that is still at work in its former shard has let it in: what the limits say is said here. */
  enterIfRoom(socket: MemberSocket, room: string): void {
    if (!this.has(socket, room) && this.hasPlace(socket, room, 0)) this.enter(socket, room)
  }

  join(socket: MemberSocket, room: string): boolean {
    return this.#joining.join(socket, room)
  }

  joinAsync(socket: MemberSocket, room: string): Promise<boolean> {
    return this.#joining.joinAsync(socket, room)
  }

  leave(socket: MemberSocket, room: string): boolean {
    assertRoom(room)
    const known = this.#departed.get(socket)
    if (known !== undefined) {
      this.#context.elsewhere.leave(socket.key, room)
      return known.delete(room)
    }
    if (!this.#context.rooms.leave(socket.connection, room)) return false
    this.#context.reports.report(socket.key, room, false, this.#isNew(room) ? -1 : 0)
    this.#context.onLeft(socket, room)
    return true
  }

  /** It has closed, which main hears without being told of its rooms. */
  release(socket: MemberSocket): void {
    this.#context.reports.forget(socket.key)
    for (const room of this.#context.rooms.leaveAll(socket.connection)) this.#context.onLeft(socket, room)
  }

  // ── for `Joining` ──

  has({ connection }: MemberSocket, room: string): boolean {
    return this.#context.rooms.has(connection, room)
  }

  hasPlace(socket: MemberSocket, room: string, pending: number): boolean {
    if (socket.readyState !== ReadyState.OPEN) return false
    const { elsewhere, options, rooms } = this.#context
    if (this.#departed.has(socket) && !elsewhere.canJoin(socket.key)) return false
    if (rooms.count(socket.connection) + pending >= options.maxRoomsPerConnection) {
      return this.#refuse(socket, room, 'maxRoomsPerConnection', Counter.REFUSED_MAX_ROOMS_PER_CONNECTION)
    }
    if (this.#isNew(room) && this.#roomCount() >= options.maxRooms) {
      return this.#refuse(socket, room, 'maxRooms', Counter.REFUSED_MAX_ROOMS)
    }
    // Members on other shards are main's to count: it takes back what is too much.
    if (rooms.sizeOf(room) >= options.maxRoomSize) {
      return this.#refuse(socket, room, 'maxRoomSize', Counter.REFUSED_MAX_ROOM_SIZE)
    }
    return true
  }

  canJoin({ handler }: MemberSocket): CanJoin | undefined {
    return (handler as Handler).canJoin
  }

  enter(socket: MemberSocket, room: string): void {
    const known = this.#departed.get(socket)
    if (known !== undefined) {
      known.add(room)
      return this.#context.elsewhere.join(socket.key, room)
    }
    const effect = this.#isNew(room) ? 1 : 0
    this.#context.rooms.join(socket.connection, room)
    this.#context.reports.report(socket.key, room, true, effect)
    this.#context.onJoined(socket, room)
  }

  onForbidden(): void {
    this.#context.counters.add(Counter.REFUSED_CAN_JOIN, 1)
  }

  onFailed(socket: MemberSocket, error: Error): void {
    this.#context.counters.add(Counter.HANDLER_ERRORS, 1)
    this.#context.onFailed(socket, error)
  }

  /** A room that exists in another shard is known by its bucket only, so now and then one too many is let in. */
  #isNew(room: string): boolean {
    return this.#context.rooms.sizeOf(room) === 0 && !this.#context.interest.hasAnywhere(room)
  }

  #roomCount(): number {
    return this.#context.interest.rooms + this.#context.reports.newRooms
  }

  #refuse(socket: MemberSocket, room: string, option: string, counter: Counter): false {
    this.#context.counters.add(counter, 1)
    this.#context.onLimited(socket, option)
    this.#context.onFailed(socket, roomLimitError(room, option))
    return false
  }
}
