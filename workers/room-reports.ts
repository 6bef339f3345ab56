import type { ConnectionKey } from '../src/shared/connection-key.ts'
import type { RoomInterest } from '../src/shared/room-interest.ts'
import type { MainLink } from './main-link.ts'

/**
 * Tells main which connections have joined and left which rooms. While main is too far behind, only the latest state of
 * each membership is kept: what waits is bounded by the memberships there may be.
 */
export class RoomReports {
  readonly #link: MainLink
  readonly #interest: RoomInterest
  readonly #shard: number
  readonly #waiting = new Map<ConnectionKey, Map<string, boolean>>()
  #posted = 0

  constructor(link: MainLink, interest: RoomInterest, shard: number) {
    this.#link = link
    this.#interest = interest
    this.#shard = shard
  }

  /** How many rooms there may be that main has not counted yet. */
  get unapplied(): number {
    return ((this.#posted - this.#interest.appliedOf(this.#shard)) | 0) + this.#waiting.size
  }

  /** Whether something waits for credit. */
  get isWaiting(): boolean {
    return this.#waiting.size > 0
  }

  report(key: ConnectionKey, room: string, isMember: boolean): void {
    if (this.#waiting.size === 0 && this.#link.hasCredit()) {
      this.#post(key, room, isMember)
      return
    }
    const rooms = this.#waiting.get(key) ?? new Map<string, boolean>()
    this.#waiting.set(key, rooms.set(room, isMember))
  }

  /** It has closed, which main hears anyway. */
  forget(key: ConnectionKey): void {
    this.#waiting.delete(key)
  }

  /** Main has credit again. */
  flush(): void {
    for (const [key, rooms] of this.#waiting) {
      for (const [room, isMember] of rooms) this.#post(key, room, isMember)
    }
    this.#waiting.clear()
  }

  #post(key: ConnectionKey, room: string, isMember: boolean): void {
    this.#posted = (this.#posted + 1) | 0
    if (isMember) this.#link.joined(key, room)
    else this.#link.left(key, room)
  }
}
