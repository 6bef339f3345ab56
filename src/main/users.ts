import { ReadyState } from '../shared/connection-table.ts'
import { assertMessage } from '../shared/message-arguments.ts'
import { Room, RoomIndex } from '../shared/room-index.ts'
import { assertUser } from '../shared/room-name.ts'
import type { SendOptions } from '../shared/send-options.ts'
import type { LimitLog } from './limit-log.ts'
import type { MainCounters, OutboxCounters, OutboxLimit } from './main-counters.ts'
import { OfflineMessages } from './offline-messages.ts'
import type { Peer } from './peer.ts'
import { User } from './user.ts'
import type { ResolvedUsers } from './user-options.ts'

/** Who has identified, and what is kept for those who are away. */
export interface UserStats {
  /** Users with at least one connection, and how many connections they have together. */
  readonly online: number
  /** Connections that have identified. */
  readonly devices: number
  /** Times `identify` was refused by `maxDevicesPerUser`. */
  readonly refusedDevices: number
  /** What is kept for users without a connection now; since the start: what was kept, delivered, and lost to each limit of `outbox`. */
  readonly outbox: Readonly<OutboxCounters> & {
    readonly users: number
    readonly messages: number
    readonly bytes: number
  }
}

/** What the users need of their engine. */
export interface UsersContext {
  readonly options: ResolvedUsers
  readonly counters: MainCounters
  readonly limitLog: LimitLog
  readonly find: (id: string) => Peer | undefined
}

/** Which user is at the other end of which connections. */
export class Users {
  readonly #context: UsersContext
  readonly #index = new RoomIndex<Peer>((userId) => new Room(userId))
  readonly #offline: OfflineMessages | null

  constructor(context: UsersContext) {
    const { options, counters, limitLog } = context
    this.#context = context
    const onLimit = (limit: OutboxLimit, user: string): void => limitLog.reached(`outbox.${limit}`, { user })
    this.#offline = options.outbox && new OfflineMessages(options.outbox, counters.outbox, onLimit)
  }

  /** @throws ShardwsError ARGUMENT_INVALID */
  user(userId: string): User {
    assertUser(userId)
    return new User(userId, this)
  }

  /** False: unknown id, not open, or `maxDevicesPerUser`. @throws ShardwsError ARGUMENT_INVALID */
  identify(id: string, userId: string | null): boolean {
    if (userId !== null) assertUser(userId)
    const peer = this.#context.find(id)
    if (peer?.readyState !== ReadyState.OPEN) return false
    if (userId !== null && this.#index.has(peer, userId)) return true
    if (userId !== null && !this.#hasPlace(peer, userId)) return false
    this.release(peer)
    if (userId === null) return true
    this.#index.add(peer, userId)
    this.#offline?.deliver(userId, (message, options) => {
      if (peer.readyState !== ReadyState.OPEN || !peer.home.link.hasCredit()) return false
      // What a queue that is full already does not take is up to `slowConsumer`, as always.
      peer.send(message, options)
      return true
    })
    return true
  }

  /** By a `User`. */
  devicesOf(userId: string): readonly Peer[] {
    const devices = this.#index.get(userId)?.members ?? []
    return Array.from(devices).filter(({ readyState }) => readyState === ReadyState.OPEN)
  }

  /** By a `User`. */
  send(userId: string, message: string | Uint8Array, options: boolean | SendOptions | undefined): boolean {
    assertMessage(message)
    const devices = this.devicesOf(userId)
    if (devices.length === 0) return this.#offline?.add(userId, message, options) ?? false
    return devices.map((peer) => peer.send(message, options)).includes(true)
  }

  /** The connection is gone, or nobody's any more. */
  release(peer: Peer): void {
    this.#index.removeAll(peer)
  }

  stats(): UserStats {
    const { outbox, refusedDevices } = this.#context.counters
    const { users = 0, messages = 0, bytes = 0 } = this.#offline ?? {}
    return {
      online: this.#index.size,
      devices: this.#index.memberships,
      refusedDevices,
      outbox: { ...outbox, dropped: { ...outbox.dropped }, users, messages, bytes },
    }
  }

  #hasPlace(peer: Peer, userId: string): boolean {
    if ((this.#index.get(userId)?.size ?? 0) < this.#context.options.maxDevicesPerUser) return true
    this.#context.counters.refusedDevices++
    this.#context.limitLog.reached('maxDevicesPerUser', { id: peer.id, user: userId })
    return false
  }
}
