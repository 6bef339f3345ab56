import { ShardwsError } from './errors.ts'
import { assertRoom } from './room-name.ts'
import type { Socket } from './socket.ts'

/** Whether a connection may join a room; only true lets it. One that answers with a promise is for `joinAsync`. */
export type CanJoin = (socket: Socket, room: string) => boolean | Promise<boolean>

/** What is wrong with a join that a limit has refused. `option`: which. */
export function roomLimitError(room: string, option: string): ShardwsError {
  return new ShardwsError('ROOM_LIMIT', `the join of ${JSON.stringify(room)} was refused by ${option}`)
}

/** The rooms of the connections whose memberships one thread decides about. */
export interface Membership<Member extends Socket> {
  has(member: Member, room: string): boolean
  /** Whether it may be asked for at all, `pending` joins of the member being undecided; a refusal is counted. */
  hasPlace(member: Member, room: string, pending: number): boolean
  canJoin(member: Member): CanJoin | undefined
  enter(member: Member, room: string): void
  /** `canJoin` has said no. */
  onForbidden(): void
  /** `canJoin` has failed, which is a no. */
  onFailed(member: Member, error: Error): void
}

/** How a connection gets into a room: limits first, then `canJoin`, then, as time may have passed, the limits again. */
export class Joining<Member extends Socket> {
  readonly #membership: Membership<Member>
  /** Joins that `canJoin` has not decided yet: they count, or a peer could pile them up. */
  readonly #pending = new Map<Member, number>()

  constructor(membership: Membership<Member>) {
    this.#membership = membership
  }

  /** @throws ShardwsError ARGUMENT_INVALID */
  join(member: Member, room: string): boolean {
    assertRoom(room)
    if (this.#membership.has(member, room)) return true
    if (!this.#hasPlace(member, room)) return false
    const verdict = this.#ask(member, room)
    if (typeof verdict === 'boolean') return this.#enter(member, room, verdict)
    throw new ShardwsError('ARGUMENT_INVALID', 'room: canJoin answers with a promise; await joinAsync instead')
  }

  /** Rejects with ShardwsError ARGUMENT_INVALID. */
  async joinAsync(member: Member, room: string): Promise<boolean> {
    assertRoom(room)
    if (this.#membership.has(member, room)) return true
    if (!this.#hasPlace(member, room)) return false
    this.#pending.set(member, this.#pendingOf(member) + 1)
    const verdict = await this.#ask(member, room)
    this.#settled(member)
    return this.#enter(member, room, verdict)
  }

  #hasPlace(member: Member, room: string): boolean {
    return this.#membership.hasPlace(member, room, this.#pendingOf(member))
  }

  #pendingOf(member: Member): number {
    return this.#pending.get(member) ?? 0
  }

  #settled(member: Member): void {
    const left = this.#pendingOf(member) - 1
    if (left === 0) this.#pending.delete(member)
    else this.#pending.set(member, left)
  }

  /** What `canJoin` says; one that fails has said no. The promise never rejects. */
  #ask(member: Member, room: string): boolean | Promise<boolean> {
    const canJoin = this.#membership.canJoin(member)
    if (canJoin === undefined) return true
    try {
      const verdict: unknown = canJoin(member, room)
      if (typeof verdict !== 'object' || verdict === null) return verdict === true
      return Promise.resolve<unknown>(verdict).then(
        (settled) => settled === true,
        (error: Error) => this.#failed(member, error),
      )
    } catch (error) {
      return this.#failed(member, error as Error)
    }
  }

  #failed(member: Member, error: Error): false {
    this.#membership.onFailed(member, error)
    return false
  }

  /** Meanwhile the connection may have closed, have joined otherwise, or the room may be full. */
  #enter(member: Member, room: string, isAllowed: boolean): boolean {
    if (!isAllowed) {
      this.#membership.onForbidden()
      return false
    }
    if (this.#membership.has(member, room)) return true
    if (!this.#hasPlace(member, room)) return false
    this.#membership.enter(member, room)
    return true
  }
}
