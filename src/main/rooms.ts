import { ReadyState } from '../shared/connection-table.ts'
import { encodeFanOut } from '../shared/fan-out.ts'
import type { Handler } from '../shared/handler.ts'
import { Joining, roomLimitError } from '../shared/joining.ts'
import type { FanOut } from '../shared/messages.ts'
import type { RoomInterest } from '../shared/room-interest.ts'
import { assertRoom, roomNames } from '../shared/room-name.ts'
import type { BroadcastOptions } from '../shared/send-options.ts'
import type { LimitLog } from './limit-log.ts'
import type { MainCounters } from './main-counters.ts'
import type { ResolvedOptions } from './options.ts'
import type { Peer, PeerRooms, PeerShard } from './peer.ts'
import { postToEach } from './post-to-each.ts'
import { type ActivityOrder, type RoomActivity, topRooms } from './room-activity.ts'
import { type DirectoryRoom, RoomDirectory } from './room-directory.ts'

type RoomLimit = 'maxRooms' | 'maxRoomsPerConnection' | 'maxRoomSize'

/** What a server tells of its rooms. */
export interface RoomsOverview {
  /** Rooms with at least one member. */
  readonly count: number
  /** Members of a room, 0 for one that does not exist. @throws ShardwsError ARGUMENT_INVALID */
  size(room: string): number
  /** Members by room. Rejects never. The record has no prototype: every name is a plain key. */
  list(): Promise<Record<string, number>>
  /** Ids of the members in the order in which they joined. Rejects with ShardwsError ARGUMENT_INVALID. */
  members(room: string): Promise<string[]>
  /**
   * What goes on in the first `top` rooms, 1 to 1000: 'busiest' by messages that main (not a handler in a shard) has published, 'largest' by members,
   * 'stalest' those where nobody has joined and nothing was published for longest. Looks at every room once.
   *
   * @throws ShardwsError ARGUMENT_INVALID
   */
  activity(top?: number, order?: ActivityOrder): readonly RoomActivity[]
}

export interface RoomsObserver {
  onJoined(peer: Peer, room: string): void
  onLeft(peer: Peer, room: string): void
  onError(peer: Peer | null, error: Error): void
}

/** What the rooms need of their engine. */
export interface RoomsContext {
  readonly options: Pick<ResolvedOptions, RoomLimit | 'canJoin'>
  readonly counters: MainCounters
  readonly limitLog: LimitLog
  readonly observer: RoomsObserver
  /** The running ones. */
  readonly shards: () => readonly PeerShard[]
  readonly find: (id: string) => Peer | undefined
  readonly interest: RoomInterest
  /** Whether shards handle connections themselves. */
  readonly hasHandlersThere: () => boolean
  /** Whether connections move to this shard. */
  readonly isDestination: (shard: number) => boolean
}

/**
 * The rooms of all shards. Of connections that main handles, main's directory is the truth, and joins, leaves and publishes
 * reach a shard over the link of everything else, in order: who has joined gets every later publish, who has left gets
 * none. Of those that a shard handles, the shard is the truth, and the directory follows what it tells; what main itself asks
 * for it enters at once.
 */
export class Rooms implements PeerRooms {
  readonly #directory = new RoomDirectory<Peer>()
  readonly #context: RoomsContext
  readonly #joining: Joining<Peer>

  constructor(context: RoomsContext) {
    const { options, counters, observer } = context
    this.#context = context
    this.#joining = new Joining({
      has: (peer, room) => this.#directory.has(peer, room),
      hasPlace: (peer, room, pending) => this.#hasPlace(peer, room, pending),
      canJoin: ({ handler }) => (handler as Handler | null)?.canJoin ?? options.canJoin,
      enter: (peer, room) => this.#enter(peer, room),
      onForbidden: () => counters.refusedJoins.canJoin++,
      onFailed: (peer, error) => {
        counters.handlerErrors++
        observer.onError(peer, error)
      },
    })
  }

  get size(): number {
    return this.#directory.size
  }

  get memberships(): number {
    return this.#directory.memberships
  }

  sizeOf(room: string): number {
    return this.#directory.get(room)?.size ?? 0
  }

  namesOf(peer: Peer): ReadonlySet<string> {
    return new Set(Array.from(this.#directory.roomsOf(peer), ({ name }) => name))
  }

  join(peer: Peer, room: string): boolean {
    assertRoom(room)
    this.#confirm(peer, room)
    return this.#joining.join(peer, room)
  }

  async joinAsync(peer: Peer, room: string): Promise<boolean> {
    assertRoom(room)
    this.#confirm(peer, room)
    return this.#joining.joinAsync(peer, room)
  }

  leave(peer: Peer, room: string): boolean {
    assertRoom(room)
    if (!this.#directory.has(peer, room)) return false
    // Never refused, as joins are: there are no more leaves than joins.
    peer.home.link.leave(peer.key, room)
    this.#remove(peer, room)
    return true
  }

  /** A shard that handles its connections itself has put one of them into a room. */
  joinedThere(peer: Peer, room: string): void {
    if (this.#directory.has(peer, room)) return
    this.#add(peer, room)
    // Other shards may have let members in at the same time: the last one that main hears of is one too many.
    if ((this.#directory.get(room)?.size ?? 0) <= this.#context.options.maxRoomSize) return
    this.#refuse(peer, room, 'maxRoomSize')
    this.leave(peer, room)
  }

  leftThere(peer: Peer, room: string): void {
    this.#remove(peer, room)
  }

  /** What the engine itself tells the members of rooms. @throws ShardwsError ARGUMENT_INVALID */
  publish(
    rooms: string | readonly string[],
    message: string | Uint8Array,
    options: boolean | BroadcastOptions = {},
  ): boolean {
    const { names, fanOut } = this.prepare(rooms, message, options)
    return this.#post(names, this.#audiences(names), fanOut)
  }

  /** @throws ShardwsError ARGUMENT_INVALID */
  prepare(
    rooms: string | readonly string[],
    message: string | Uint8Array,
    options: boolean | BroadcastOptions,
  ): { readonly names: readonly string[]; readonly fanOut: FanOut } {
    const names = roomNames(rooms)
    return { names, fanOut: encodeFanOut(message, options, (id) => this.#context.find(id)?.key) }
  }

  /** What the application publishes: what `prepare` has returned. */
  post(names: readonly string[], fanOut: FanOut): boolean {
    const audiences = this.#audiences(names)
    for (const audience of audiences) audience.published()
    return this.#post(names, audiences, fanOut)
  }

  /** The connection moves to another shard: its rooms have a member there and one fewer here. */
  rehome(peer: Peer, to: PeerShard): void {
    for (const room of this.#directory.roomsOf(peer)) room.move(peer.home.index, to.index)
  }

  /** These connections are gone, and their shards know. The directory is exact before anybody hears of it. */
  release(peers: readonly Peer[]): void {
    const left = peers.map((peer) => ({ peer, rooms: this.#directory.removeAll(peer) }))
    this.#context.interest.setRooms(this.#directory.size)
    for (const { peer, rooms } of left) for (const { name } of rooms) this.#context.observer.onLeft(peer, name)
  }

  overview(): RoomsOverview {
    const directory = this.#directory
    const find = (room: string) => {
      assertRoom(room)
      return directory.get(room)
    }
    return {
      get count() {
        return directory.size
      },
      size: (room) => find(room)?.size ?? 0,
      async list() {
        const sizes: Record<string, number> = Object.create(null)
        for (const { name, size } of directory.rooms) sizes[name] = size
        return sizes
      },
      activity: (top = 10, order = 'busiest') => topRooms(directory.rooms, top, order),
      members: async (room) => Array.from(find(room)?.members ?? [], ({ id }) => id),
    }
  }

  #audiences(names: readonly string[]): readonly DirectoryRoom<Peer>[] {
    return names.flatMap((name) => this.#directory.get(name) ?? [])
  }

  #post(names: readonly string[], audiences: readonly DirectoryRoom<Peer>[], fanOut: FanOut): boolean {
    const { counters, hasHandlersThere, interest, isDestination, shards } = this.#context
    // The directory knows at once what main does, the shared memory what the shards do.
    const isHome = ({ index }: PeerShard): boolean =>
      audiences.some((audience) => audience.isOn(index)) ||
      isDestination(index) ||
      (hasHandlersThere() && names.some((name) => interest.has(index, name)))
    return postToEach(shards().filter(isHome), counters, (link) => link.publish(names, fanOut))
  }

  /** Whether it may be asked for at all; a refusal is counted. */
  #hasPlace(peer: Peer, room: string, pending: number): boolean {
    if (peer.readyState !== ReadyState.OPEN) return false
    if (!peer.home.link.hasCredit()) {
      this.#context.counters.refusedJoins.link++
      return false
    }
    const limit = this.#reachedLimit(peer, room, pending)
    if (limit === null) return true
    this.#refuse(peer, room, limit)
    return false
  }

  #reachedLimit(peer: Peer, room: string, pending: number): RoomLimit | null {
    const { maxRooms, maxRoomSize, maxRoomsPerConnection } = this.#context.options
    if (this.#directory.count(peer) + pending >= maxRoomsPerConnection) return 'maxRoomsPerConnection'
    const existing = this.#directory.get(room)
    if (existing === undefined) return this.#directory.size >= maxRooms ? 'maxRooms' : null
    return existing.size >= maxRoomSize ? 'maxRoomSize' : null
  }

  #refuse(peer: Peer, room: string, limit: RoomLimit): void {
    this.#context.counters.refusedJoins[limit]++
    this.#context.limitLog.reached(limit, { id: peer.id, room })
    this.#context.observer.onError(peer, roomLimitError(room, limit))
  }

  #enter(peer: Peer, room: string): void {
    this.#postJoin(peer, room)
    this.#add(peer, room)
  }

  /** A shard that handles the connection may have taken it out again, and its word for that be on its way. */
  #confirm(peer: Peer, room: string): void {
    if (peer.isHandledThere && this.#directory.has(peer, room)) this.#postJoin(peer, room)
  }

  #postJoin({ home, key }: Peer, room: string): void {
    this.#context.interest.announce(home.index, room)
    home.link.join(key, room)
  }

  #add(peer: Peer, room: string): void {
    this.#directory.add(peer, room)
    this.#context.interest.setRooms(this.#directory.size)
    this.#context.observer.onJoined(peer, room)
  }

  #remove(peer: Peer, room: string): void {
    if (this.#directory.remove(peer, room) === undefined) return
    this.#context.interest.setRooms(this.#directory.size)
    this.#context.observer.onLeft(peer, room)
  }
}
