import type { ConnectionKey } from '../src/shared/connection-key.ts'
import type { Excluded } from '../src/shared/messages.ts'
import { Room, RoomIndex } from '../src/shared/room-index.ts'
import type { RoomInterest } from '../src/shared/room-interest.ts'
import type { SharedMessage } from './shared-message.ts'

/** What a room needs of a connection. */
export interface RoomMember {
  readonly key: ConnectionKey
  sendShared(message: SharedMessage): void
}

/** The rooms that have members on this shard. Who closes leaves without being told. */
export class Rooms {
  readonly #index = new RoomIndex<RoomMember>((name) => new Room(name))
  readonly #interest: RoomInterest
  readonly #shard: number

  /** @param shard The shard whose interest in rooms others see. */
  constructor(interest: RoomInterest, shard: number) {
    this.#interest = interest
    this.#shard = shard
  }

  /** Rooms with a member here. */
  get size(): number {
    return this.#index.size
  }

  get memberships(): number {
    return this.#index.memberships
  }

  has(member: RoomMember, room: string): boolean {
    return this.#index.has(member, room)
  }

  /** How many rooms it is in. */
  count(member: RoomMember): number {
    return this.#index.count(member)
  }

  /** Members on this shard. */
  sizeOf(room: string): number {
    return this.#index.get(room)?.size ?? 0
  }

  namesOf(member: RoomMember): ReadonlySet<string> {
    return new Set(Array.from(this.#index.roomsOf(member), ({ name }) => name))
  }

  join(member: RoomMember, room: string): void {
    if (this.#index.add(member, room)?.size === 1) this.#interest.enter(this.#shard, room)
  }

  /** A join of main's has been dealt with, whatever became of it: see `RoomInterest.announce`. */
  joinArrived(room: string): void {
    this.#interest.exit(this.#shard, room)
  }

  /** False: it was not in it. */
  leave(member: RoomMember, room: string): boolean {
    const left = this.#index.remove(member, room)
    if (left?.size === 0) this.#interest.exit(this.#shard, room)
    return left !== undefined
  }

  /** It has closed. Returns the rooms it was in. */
  leaveAll(member: RoomMember): readonly string[] {
    const left = this.#index.removeAll(member)
    for (const { name, size } of left) if (size === 0) this.#interest.exit(this.#shard, name)
    return left.map(({ name }) => name)
  }

  /** To each member of these rooms, once. */
  publish(rooms: readonly string[], message: SharedMessage, excluded: Excluded): void {
    const isExcluded = this.exclusion(excluded)
    for (const member of this.#membersOf(rooms)) if (!isExcluded(member)) member.sendShared(message)
  }

  /** Whether a connection does not get a message. */
  exclusion({ keys, rooms }: Excluded): (member: RoomMember) => boolean {
    const [key] = keys
    if (keys.length === 1 && rooms.length === 0) return (member) => member.key === key
    if (key === undefined && rooms.length === 0) return isNobody
    const all = new Set(keys)
    for (const member of this.#membersOf(rooms)) all.add(member.key)
    return (member) => all.has(member.key)
  }

  #membersOf(rooms: readonly string[]): Iterable<RoomMember> {
    const [first] = rooms
    if (first !== undefined && rooms.length === 1) return this.#index.get(first)?.members ?? []
    return new Set(rooms.flatMap((room) => [...(this.#index.get(room)?.members ?? [])]))
  }
}

const isNobody = (): boolean => false
