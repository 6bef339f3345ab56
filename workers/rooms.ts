import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { Room, RoomIndex } from '../src/shared/room-index.ts'
import type { SharedMessage } from './shared-message.ts'

/** What a room needs of a connection. */
export interface RoomMember {
  readonly key: ConnectionKey
  sendShared(message: SharedMessage): void
}

/** The rooms that have members on this shard. Main says who joins and leaves; who closes leaves without being told. */
export class Rooms {
  readonly #index = new RoomIndex<RoomMember>((name) => new Room(name))

  /** Rooms with a member here. */
  get size(): number {
    return this.#index.size
  }

  get memberships(): number {
    return this.#index.memberships
  }

  join(member: RoomMember, room: string): void {
    this.#index.add(member, room)
  }

  leave(member: RoomMember, room: string): void {
    this.#index.remove(member, room)
  }

  /** It has closed. */
  leaveAll(member: RoomMember): void {
    this.#index.removeAll(member)
  }

  publish(room: string, message: SharedMessage, except: ConnectionKey): void {
    for (const member of this.#index.get(room)?.members ?? []) {
      if (member.key !== except) member.sendShared(message)
    }
  }
}
