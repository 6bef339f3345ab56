import { Coalescer } from '../src/shared/coalescer.ts'
import { ReadyState } from '../src/shared/connection-table.ts'
import { Counter } from '../src/shared/counters.ts'
import { encodeFanOut, sendFlags } from '../src/shared/fan-out.ts'
import { assertCloseArguments, assertMessage } from '../src/shared/message-arguments.ts'
import type { FanOut, ReceivedFanOut } from '../src/shared/messages.ts'
import { CloseCode } from '../src/shared/protocol/close-codes.ts'
import type { RoomInterest } from '../src/shared/room-interest.ts'
import { assertUser, roomNames } from '../src/shared/room-name.ts'
import type { BroadcastOptions, PublishOptions, SendOptions } from '../src/shared/send-options.ts'
import type { HandlerServer } from '../src/shared/socket.ts'
import { encodeValue } from '../src/shared/values.ts'
import type { ComputeRequests } from './compute-requests.ts'
import type { ConnectionContext } from './connection-context.ts'
import { ConnectionRoutes, type RoutedShard } from './connection-routes.ts'
import type { Moves } from './moves.ts'
import type { SiblingLink } from './sibling-link.ts'

/** What the server needs of its own shard. */
export interface ServedShard extends RoutedShard {
  readonly state: ReadonlyMap<string, unknown>
  readonly computes: Pick<ComputeRequests, 'run'>
  readonly moves: Pick<Moves, 'destinationOf' | 'isDestination'>
  broadcast(fanOut: ReceivedFanOut): void
  publish(rooms: readonly string[], fanOut: ReceivedFanOut): void
}

/** What handlers in a shard reach of their server: its other connections, wherever they are, and main. */
export class ShardServer implements HandlerServer {
  readonly routes: ConnectionRoutes
  readonly #context: ConnectionContext
  readonly #shard: ServedShard
  readonly #interest: RoomInterest
  readonly #coalescer: Coalescer

  constructor(context: ConnectionContext, shard: ServedShard, interest: RoomInterest) {
    this.#context = context
    this.#shard = shard
    this.#interest = interest
    this.routes = new ConnectionRoutes(context, shard, interest)
    const { counters, options } = context
    this.#coalescer = new Coalescer(options.maxCoalescedKeys, {
      onReplaced: () => counters.add(Counter.COALESCED_MESSAGES, 1),
      onFull: () => counters.add(Counter.REFUSED_WINDOWS, 1),
    })
  }

  get state(): ReadonlyMap<string, unknown> {
    return this.#shard.state
  }

  send(id: string, message: string | Uint8Array, options?: boolean | SendOptions): boolean {
    assertMessage(message)
    const flags = sendFlags(message, options)
    const key = this.#context.table.find(id)
    return key !== undefined && this.routes.offer(key, message, flags)
  }

  broadcast(message: string | Uint8Array, options: boolean | BroadcastOptions = {}): boolean {
    const fanOut = this.#encode(message, options)
    this.#shard.broadcast(received(fanOut))
    return this.#toSiblings(
      () => true,
      (sibling) => sibling.broadcast(fanOut),
    )
  }

  publish(
    rooms: string | readonly string[],
    message: string | Uint8Array,
    options: boolean | PublishOptions = {},
  ): boolean {
    const names = roomNames(rooms)
    const fanOut = this.#encode(message, options)
    return this.#coalescer.send(names, options, () => this.#publish(names, fanOut))
  }

  close(id: string, code: number = CloseCode.NORMAL_CLOSURE, reason = ''): void {
    assertCloseArguments(code, reason)
    const key = this.#context.table.find(id)
    if (key !== undefined) this.routes.close(key, code, reason)
  }

  identify(id: string, userId: string | null): boolean {
    if (userId !== null) assertUser(userId)
    const { link, table } = this.#context
    const key = table.find(id)
    if (key === undefined || table.readyState(key) !== ReadyState.OPEN) return false
    if (!link.hasCredit()) return this.#refused(Counter.REFUSED_BY_LINK)
    link.identified(id, userId)
    return true
  }

  sendToUser(userId: string, message: string | Uint8Array, options?: boolean | SendOptions): boolean {
    assertUser(userId)
    assertMessage(message)
    const { link } = this.#context
    const flags = sendFlags(message, options)
    if (!link.hasCredit()) return this.#refused(Counter.REFUSED_BY_LINK)
    link.sentToUser(userId, typeof message === 'string' ? Buffer.from(message) : message, flags)
    return true
  }

  /** Sends what waits. */
  stop(): void {
    this.#coalescer.stop()
  }

  compute(task: unknown): Promise<unknown> {
    return this.#shard.computes.run(task)
  }

  post(message: unknown): boolean {
    const { link } = this.#context
    const bytes = encodeValue(message, 'message')
    if (!link.hasCredit()) return this.#refused(Counter.REFUSED_BY_LINK)
    link.posted(bytes)
    return true
  }

  #publish(names: readonly string[], fanOut: FanOut): boolean {
    this.#shard.publish(names, received(fanOut))
    return this.#toSiblings(
      (index) => this.#shard.moves.isDestination(index) || names.some((name) => this.#interest.has(index, name)),
      (sibling) => sibling.publish(names, fanOut),
    )
  }

  #encode(message: string | Uint8Array, options: boolean | BroadcastOptions): FanOut {
    return encodeFanOut(message, options, (id) => this.#context.table.find(id))
  }

  /** False if one of them was too far behind. */
  #toSiblings(isWanted: (index: number) => boolean, post: (sibling: SiblingLink) => void): boolean {
    let isComplete = true
    for (const [index, sibling] of this.#shard.siblings) {
      if (!isWanted(index)) continue
      if (sibling.hasCredit()) post(sibling)
      else isComplete = this.#refused(Counter.REFUSED_BY_LINK)
    }
    return isComplete
  }

  #refused(counter: Counter): false {
    this.#context.counters.add(counter, 1)
    return false
  }
}

/** As it would arrive: what is in shared memory is not copied. */
function received(fanOut: FanOut): ReceivedFanOut {
  const { frame } = fanOut
  if (frame instanceof SharedArrayBuffer) return { ...fanOut, frame: Buffer.from(frame) }
  return { ...fanOut, frame: Buffer.from(frame.buffer, frame.byteOffset, frame.length) }
}
