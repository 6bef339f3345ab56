import type { ConnectionKey } from '../src/shared/connection-key.ts'
import type { RoomInterest } from '../src/shared/room-interest.ts'
import type { MainLink } from './main-link.ts'

/** What a report is to the number of rooms there are: it makes one (1), ends one (-1), or neither. */
export type RoomEffect = 1 | 0 | -1

type ReportLink = Pick<MainLink, 'hasCredit' | 'waitForCredit' | 'joined' | 'left'>

interface Waiting {
  readonly isMember: boolean
  /** Of this change and of those that it replaces. */
  readonly effect: number
}

/**
 * Tells main which connections have joined and left which rooms. While main is too far behind, only the latest state of
 * each membership is kept: what waits is bounded by the memberships there may be.
 */
export class RoomReports {
  readonly #link: ReportLink
  readonly #interest: RoomInterest
  readonly #shard: number
  readonly #waiting = new Map<ConnectionKey, Map<string, Waiting>>()
  /** Of connections of which another shard has told main something that main may not have heard. */
  readonly #held = new Map<ConnectionKey, Map<string, Waiting>>()
  /** Of the reports that were posted and that main, as far as is known here, has not entered; oldest first. */
  #effects: number[] = []
  /** How many of `#effects` main has entered meanwhile. */
  #entered = 0
  /** How many reports main had entered when that was last looked up. */
  #applied: number
  #newRooms = 0

  constructor(link: ReportLink, interest: RoomInterest, shard: number) {
    this.#link = link
    this.#interest = interest
    this.#shard = shard
    this.#applied = interest.appliedOf(shard)
  }

  /** By how many rooms those that main counts will change when it has heard everything. */
  get newRooms(): number {
    this.#catchUp()
    return this.#newRooms
  }

  report(key: ConnectionKey, room: string, isMember: boolean, effect: RoomEffect): void {
    this.#newRooms += effect
    const held = this.#held.get(key)
    if (held === undefined) this.#tell(key, room, { isMember, effect })
    else merge(held, room, { isMember, effect })
  }

  /** It has come from another shard: what that one has told of it comes first. Main is told nothing of it before `release`. */
  hold(key: ConnectionKey): void {
    this.#held.set(key, new Map())
  }

  release(key: ConnectionKey): void {
    const held = this.#held.get(key) ?? []
    this.#held.delete(key)
    for (const [room, change] of held) this.#tell(key, room, change)
  }

  /** It has closed, which main hears anyway. */
  forget(key: ConnectionKey): void {
    for (const waiting of [this.#waiting, this.#held]) {
      for (const { effect } of waiting.get(key)?.values() ?? []) this.#newRooms -= effect
      waiting.delete(key)
    }
  }

  /** Main has credit again. */
  flush(): void {
    for (const [key, rooms] of this.#waiting) for (const [room, change] of rooms) this.#post(key, room, change)
    this.#waiting.clear()
  }

  #tell(key: ConnectionKey, room: string, change: Waiting): void {
    if (this.#waiting.size === 0) {
      if (this.#link.hasCredit()) return this.#post(key, room, change)
      if (!this.#link.waitForCredit()) setImmediate(() => this.flush())
    }
    const rooms = this.#waiting.get(key) ?? new Map<string, Waiting>()
    this.#waiting.set(key, rooms)
    merge(rooms, room, change)
  }

  #post(key: ConnectionKey, room: string, { isMember, effect }: Waiting): void {
    this.#catchUp()
    this.#effects.push(effect)
    if (isMember) this.#link.joined(key, room)
    else this.#link.left(key, room)
  }

  /** What main has entered is in its own count now. */
  #catchUp(): void {
    const applied = this.#interest.appliedOf(this.#shard)
    for (let count = (applied - this.#applied) | 0; count > 0; count--) {
      this.#newRooms -= this.#effects[this.#entered++] ?? 0
    }
    this.#applied = applied
    if (this.#entered <= this.#effects.length / 2) return
    this.#effects = this.#effects.slice(this.#entered)
    this.#entered = 0
  }
}

/** Only the latest state counts. */
function merge(rooms: Map<string, Waiting>, room: string, { isMember, effect }: Waiting): void {
  rooms.set(room, { isMember, effect: effect + (rooms.get(room)?.effect ?? 0) })
}
