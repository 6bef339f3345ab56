import { elementsOf, includes, type SmallSet, sizeOf, withAdded, withRemoved } from './small-set.ts'

/** One room and who is in it. A membership refers to it instead of keeping the name again. */
export class Room<Member extends object> {
  readonly name: string
  #members: SmallSet<Member> | undefined

  constructor(name: string) {
    this.name = name
  }

  get size(): number {
    return sizeOf(this.#members)
  }

  /** In the order in which they joined. */
  get members(): Iterable<Member> {
    return elementsOf(this.#members)
  }

  /** By the index only. */
  add(member: Member): void {
    this.#members = withAdded(this.#members, member)
  }

  /** By the index only. */
  remove(member: Member): void {
    if (this.#members !== undefined) this.#members = withRemoved(this.#members, member)
  }
}

/** Which rooms there are and who is in which; a room lives from its first member to its last. */
export class RoomIndex<Member extends object, Kind extends Room<Member> = Room<Member>> {
  readonly #create: (name: string) => Kind
  readonly #rooms = new Map<string, Kind>()
  readonly #joined = new Map<Member, SmallSet<Kind>>()
  #memberships = 0

  constructor(create: (name: string) => Kind) {
    this.#create = create
  }

  get size(): number {
    return this.#rooms.size
  }

  get memberships(): number {
    return this.#memberships
  }

  get rooms(): Iterable<Kind> {
    return this.#rooms.values()
  }

  get(name: string): Kind | undefined {
    return this.#rooms.get(name)
  }

  has(member: Member, name: string): boolean {
    const room = this.#rooms.get(name)
    return room !== undefined && includes(this.#joined.get(member), room)
  }

  /** In the order in which it joined them. */
  roomsOf(member: Member): Iterable<Kind> {
    return elementsOf(this.#joined.get(member))
  }

  /** How many rooms it is in. */
  count(member: Member): number {
    return sizeOf(this.#joined.get(member))
  }

  /** Returns the room, or undefined if it is in it already. */
  add(member: Member, name: string): Kind | undefined {
    let room = this.#rooms.get(name)
    const joined = this.#joined.get(member)
    if (room === undefined) {
      room = this.#create(name)
      this.#rooms.set(name, room)
    } else if (includes(joined, room)) return undefined
    room.add(member)
    this.#joined.set(member, withAdded(joined, room))
    this.#memberships++
    return room
  }

  /** Returns the room, or undefined if it was not in it. */
  remove(member: Member, name: string): Kind | undefined {
    const room = this.#rooms.get(name)
    const joined = this.#joined.get(member)
    if (room === undefined || joined === undefined || !includes(joined, room)) return undefined
    const left = withRemoved(joined, room)
    if (left === undefined) this.#joined.delete(member)
    else this.#joined.set(member, left)
    this.#drop(member, room)
    return room
  }

  /** Takes it out of all rooms and returns them. */
  removeAll(member: Member): readonly Kind[] {
    const joined = this.#joined.get(member)
    if (joined === undefined) return []
    this.#joined.delete(member)
    const rooms = [...elementsOf(joined)]
    for (const room of rooms) this.#drop(member, room)
    return rooms
  }

  #drop(member: Member, room: Kind): void {
    room.remove(member)
    this.#memberships--
    if (room.size === 0) this.#rooms.delete(room.name)
  }
}
