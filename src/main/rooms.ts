import { ReadyState } from '../shared/connection-table.ts'
import { ShardwsError } from '../shared/errors.ts'
import { encodeFanOut, postToEach, readFanOut } from './fan-out.ts'
import type { LimitLog } from './limit-log.ts'
import type { MainCounters } from './main-counters.ts'
import type { ResolvedOptions } from './options.ts'
import type { BroadcastOptions, Peer, PeerRooms, PeerShard } from './peer.ts'
import { RoomDirectory } from './room-directory.ts'

const MAX_NAME_BYTES = 255

const LONE_SURROGATE = /\p{Surrogate}/u

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
}

/**
 * The rooms of all shards. Main's directory is the truth. Joins, leaves and publishes reach a shard over the link of
 * everything else, in order: who has joined gets every later publish, who has left gets none.
 */
export class Rooms implements PeerRooms {
  readonly #directory = new RoomDirectory<Peer>()
  /** Joins that `canJoin` has not decided yet: they count, or a peer could pile them up. */
  readonly #pending = new Map<Peer, number>()
  readonly #context: RoomsContext

  constructor(context: RoomsContext) {
    this.#context = context
  }

  get size(): number {
    return this.#directory.size
  }

  get memberships(): number {
    return this.#directory.memberships
  }

  namesOf(peer: Peer): ReadonlySet<string> {
    return new Set(Array.from(this.#directory.roomsOf(peer), ({ name }) => name))
  }

  join(peer: Peer, room: string): boolean {
    assertRoom(room)
    if (this.#directory.has(peer, room)) return true
    if (!this.#hasPlace(peer, room)) return false
    const verdict = this.#ask(peer, room)
    if (typeof verdict === 'boolean') return this.#enter(peer, room, verdict)
    throw new ShardwsError('ARGUMENT_INVALID', 'room: options.canJoin answers with a promise; await joinAsync instead')
  }

  async joinAsync(peer: Peer, room: string): Promise<boolean> {
    assertRoom(room)
    if (this.#directory.has(peer, room)) return true
    if (!this.#hasPlace(peer, room)) return false
    this.#pending.set(peer, this.#pendingOf(peer) + 1)
    const verdict = await this.#ask(peer, room)
    this.#settled(peer)
    return this.#enter(peer, room, verdict)
  }

  leave(peer: Peer, room: string): boolean {
    if (this.#directory.remove(peer, room) === undefined) {
      assertRoom(room)
      return false
    }
    // Never refused, as joins are: there are no more leaves than joins.
    peer.home.link.leave(peer.key, room)
    this.#context.observer.onLeft(peer, room)
    return true
  }

  publish(room: string, message: string | Uint8Array, options: boolean | BroadcastOptions = {}): boolean {
    const { counters, find, shards } = this.#context
    const { flags, except } = readFanOut(message, options, find)
    const audience = this.#directory.get(room)
    if (audience === undefined) {
      assertRoom(room)
      return true
    }
    const fanOut = encodeFanOut(message, flags, except)
    const homes = shards().filter(({ index }) => audience.isOn(index))
    return postToEach(homes, counters, (link) => link.publish(room, fanOut))
  }

  /** These connections are gone, and their shards know. The directory is exact before anybody hears of it. */
  release(peers: readonly Peer[]): void {
    const left = peers.map((peer) => ({ peer, rooms: this.#directory.removeAll(peer) }))
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
      members: async (room) => Array.from(find(room)?.members ?? [], ({ id }) => id),
    }
  }

  /** Whether it may be asked for at all; a refusal is counted. */
  #hasPlace(peer: Peer, room: string): boolean {
    if (peer.readyState !== ReadyState.OPEN) return false
    const { counters, limitLog } = this.#context
    if (!peer.home.link.hasCredit()) {
      counters.refusedJoins.link++
      return false
    }
    const limit = this.#reachedLimit(peer, room)
    if (limit === null) return true
    counters.refusedJoins[limit]++
    limitLog.reached(limit, { id: peer.id, room })
    return false
  }

  #reachedLimit(peer: Peer, room: string): RoomLimit | null {
    const { maxRooms, maxRoomSize, maxRoomsPerConnection } = this.#context.options
    if (this.#directory.count(peer) + this.#pendingOf(peer) >= maxRoomsPerConnection) return 'maxRoomsPerConnection'
    const existing = this.#directory.get(room)
    if (existing === undefined) return this.#directory.size >= maxRooms ? 'maxRooms' : null
    return existing.size >= maxRoomSize ? 'maxRoomSize' : null
  }

  #pendingOf(peer: Peer): number {
    return this.#pending.get(peer) ?? 0
  }

  #settled(peer: Peer): void {
    const left = this.#pendingOf(peer) - 1
    if (left === 0) this.#pending.delete(peer)
    else this.#pending.set(peer, left)
  }

  /** What `canJoin` says; one that fails has said no. The promise never rejects. */
  #ask(peer: Peer, room: string): boolean | Promise<boolean> {
    const { canJoin } = this.#context.options
    if (canJoin === undefined) return true
    try {
      const verdict: unknown = canJoin(peer, room)
      if (typeof verdict !== 'object' || verdict === null) return verdict === true
      return Promise.resolve<unknown>(verdict).then(
        (settled) => settled === true,
        (error: Error) => this.#failed(peer, error),
      )
    } catch (error) {
      return this.#failed(peer, error as Error)
    }
  }

  #failed(peer: Peer, error: Error): false {
    this.#context.counters.handlerErrors++
    this.#context.observer.onError(peer, error)
    return false
  }

  /** Meanwhile the connection may have closed, have joined otherwise, or the room may be full. */
  #enter(peer: Peer, room: string, isAllowed: boolean): boolean {
    if (!isAllowed) {
      this.#context.counters.refusedJoins.canJoin++
      return false
    }
    if (this.#directory.has(peer, room)) return true
    if (!this.#hasPlace(peer, room)) return false
    this.#directory.add(peer, room)
    peer.home.link.join(peer.key, room)
    this.#context.observer.onJoined(peer, room)
    return true
  }
}

/** @throws ShardwsError ARGUMENT_INVALID */
export function assertRoom(room: unknown): asserts room is string {
  if (typeof room === 'string' && isRoomName(room)) return
  const expected = `a string of 1 to ${MAX_NAME_BYTES} bytes of UTF-8 without NUL and lone surrogates`
  throw new ShardwsError('ARGUMENT_INVALID', `room must be ${expected}`)
}

function isRoomName(name: string): boolean {
  // At least one byte per UTF-16 unit: no need to count those of an endless string.
  if (name.length === 0 || name.length > MAX_NAME_BYTES || Buffer.byteLength(name) > MAX_NAME_BYTES) return false
  return !name.includes('\0') && !LONE_SURROGATE.test(name)
}
