import { performance } from 'node:perf_hooks'
import { Room, RoomIndex } from '../shared/room-index.ts'

/** Who can be in a room: a connection, of which only its shard counts here. */
export interface Resident {
  readonly home: { readonly index: number }
}

/** Up to this many members are asked one by one which shard they are on: most rooms are small and keep no counts. */
const FEW_MEMBERS = 8

/** A room as main knows it: its members, and which shards they are on. */
export class DirectoryRoom<Member extends Resident> extends Room<Member> {
  /** Published by main since it has had members. */
  messages = 0
  /** Of the latest join or message, since the process began; whole, so that it takes no memory of its own. */
  lastActiveMs = Math.trunc(performance.now())
  /** Members by shard, null until they are needed. */
  #perShard: number[] | null = null

  /** Whether the shard has a member. */
  isOn(shard: number): boolean {
    if (this.#perShard === null && this.size > FEW_MEMBERS) this.#perShard = this.#count()
    if (this.#perShard !== null) return (this.#perShard[shard] ?? 0) > 0
    for (const { home } of this.members) if (home.index === shard) return true
    return false
  }

  published(): void {
    this.messages++
    this.lastActiveMs = Math.trunc(performance.now())
  }

  override add(member: Member): void {
    super.add(member)
    this.lastActiveMs = Math.trunc(performance.now())
    this.#change(member.home.index, 1)
  }

  override remove(member: Member): void {
    super.remove(member)
    this.#change(member.home.index, -1)
  }

  /** A member moves from one shard to another. */
  move(from: number, to: number): void {
    this.#change(from, -1)
    this.#change(to, 1)
  }

  #change(shard: number, by: number): void {
    if (this.#perShard !== null) this.#perShard[shard] = (this.#perShard[shard] ?? 0) + by
  }

  #count(): number[] {
    const counts: number[] = []
    for (const { home } of this.members) counts[home.index] = (counts[home.index] ?? 0) + 1
    return counts
  }
}

/** Every room of the server and who is in it: the truth that the shards follow. */
export class RoomDirectory<Member extends Resident> extends RoomIndex<Member, DirectoryRoom<Member>> {
  constructor() {
    super((name) => new DirectoryRoom(name))
  }
}
