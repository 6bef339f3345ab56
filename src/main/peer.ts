import type { ConnectionKey } from '../shared/connection-key.ts'
import { type ConnectionTable, ReadyState } from '../shared/connection-table.ts'
import { sendFlags } from '../shared/fan-out.ts'
import { assertCloseArguments, assertMessage, controlPayload } from '../shared/message-arguments.ts'
import type { ShardOptions } from '../shared/messages.ts'
import { CloseCode } from '../shared/protocol/close-codes.ts'
import { type Agreement, formatAgreement, keepsContext } from '../shared/protocol/permessage-deflate.ts'
import { isWorthReconnecting } from '../shared/protocol/worth-reconnecting.ts'
import type { SendOptions } from '../shared/send-options.ts'
import { type HandlerServer, Socket } from '../shared/socket.ts'
import type { SocketEvent, SocketListener } from '../shared/socket-events.ts'
import { Unprocessed } from '../shared/unprocessed.ts'
import type { UpgradeRequest } from '../shared/upgrade-request.ts'
import { encodeValue } from '../shared/values.ts'
import { HandlerModule } from './handler-modules.ts'
import type { LimitLog } from './limit-log.ts'
import type { MainCounters } from './main-counters.ts'
import type { SecurityLog } from './security-log.ts'
import type { ShardLink } from './shard-link.ts'

/** What main knows of a connection when it opens. */
export interface OpenedConnection {
  readonly key: ConnectionKey
  readonly request: UpgradeRequest
  readonly handler: object | null
  readonly agreement: Agreement | null
}

/** Main's view of one connection that a shard owns. What it does is posted. */
export class Peer<Data = unknown> extends Socket<Data> {
  #shard: PeerShard
  readonly #agreement: Agreement | null
  readonly #context: PeerContext
  #postedBytes = 0
  #needsDrain = false
  /** Main has asked the shard to close it. */
  #isClosing = false

  constructor({ key, request, handler, agreement }: OpenedConnection, shard: PeerShard, context: PeerContext) {
    super(context.table.idOf(key), key, request, handler, context.table)
    this.#shard = shard
    this.#agreement = agreement
    this.#context = context
  }

  /** Whether a shard handles it, and main only looks on. */
  get isHandledThere(): boolean {
    return this.handler instanceof HandlerModule
  }

  override get server(): HandlerServer {
    return this.#context.server
  }

  override get extensions(): string {
    return this.#agreement === null ? '' : formatAgreement(this.#agreement)
  }

  /** Whether its shard keeps zlib contexts for it. */
  get keepsContext(): boolean {
    return this.#agreement !== null && keepsContext(this.#agreement)
  }

  override get readyState(): ReadyState {
    const state = this.#context.table.readyState(this.key)
    return this.#isClosing && state === ReadyState.OPEN ? ReadyState.CLOSING : state
  }

  override get bufferedAmount(): number {
    return this.#postedBytes - this.#context.table.takenBytes(this.key) + this.#context.table.queuedBytes(this.key)
  }

  override send(message: string | Uint8Array, options?: boolean | SendOptions): boolean {
    assertMessage(message)
    const { counters, options: limits, table } = this.#context
    if (this.readyState !== ReadyState.OPEN) return false
    // Only a queue that the kernel does not take counts: what is on its way to a shard is bounded by the link.
    // UTF-8 needs at least one byte per UTF-16 unit: a lower bound is enough for a soft limit.
    const isOver = table.queuedBytes(this.key) > 0 && this.bufferedAmount + message.length > limits.maxBackpressure
    if (!this.#shard.link.hasCredit()) {
      counters.refusedByLink++
      this.#awaitDrain()
      return false
    }
    if (isOver) {
      if (!this.#needsDrain) this.#context.limitLog.reached('maxBackpressure', { id: this.id })
      this.#awaitDrain()
      if (limits.slowConsumer === 'drop') {
        counters.refusedByBackpressure++
        return false
      }
    }
    this.#postedBytes += this.#shard.link.send(this.key, message, sendFlags(message, options))
    return !isOver
  }

  override close(code: number = CloseCode.NORMAL_CLOSURE, reason = ''): void {
    assertCloseArguments(code, reason)
    if (code === CloseCode.POLICY_VIOLATION && !this.#isClosing) this.#context.securityLog.closed(this, reason)
    if (!isWorthReconnecting(code)) this.#context.table.endSession(this.key)
    this.#isClosing = true
    this.gate?.refuse()
    this.#shard.link.close(this.key, code, reason)
  }

  override terminate(): void {
    this.#isClosing = true
    this.gate?.refuse()
    this.#shard.link.terminate(this.key)
  }

  override ping(data: string | Uint8Array = ''): void {
    this.#shard.link.ping(this.key, controlPayload(data))
  }

  override pong(data: string | Uint8Array = ''): void {
    this.#shard.link.pong(this.key, controlPayload(data))
  }

  override markAlive(): void {
    this.#shard.link.markAlive(this.key)
  }

  override get rooms(): ReadonlySet<string> {
    return this.#context.rooms.namesOf(this)
  }

  override join(room: string): boolean {
    return this.#context.rooms.join(this, room)
  }

  override joinAsync(room: string): Promise<boolean> {
    return this.#context.rooms.joinAsync(this, room)
  }

  override leave(room: string): boolean {
    return this.#context.rooms.leave(this, room)
  }

  override on<Event extends SocketEvent>(event: Event, listener: SocketListener<Event>): this {
    super.on(event, listener)
    this.#watch(event)
    return this
  }

  override once<Event extends SocketEvent>(event: Event, listener: SocketListener<Event>): this {
    super.once(event, listener)
    this.#watch(event)
    return this
  }

  /**
   * By its handler module: the middleware has let it in.
   *
   * @throws ShardwsError ARGUMENT_INVALID for a user that cannot be cloned; it is closed then.
   */
  admit(): void {
    // Without middleware the shard has not waited.
    if (!this.#context.hasMiddleware() && !this.recovered) return
    let user: Buffer
    try {
      user = encodeValue(this.request.user, 'request.user')
    } catch (error) {
      this.close(CloseCode.INTERNAL_ERROR, 'middleware failed')
      throw error
    }
    this.#shard.link.admit(this.key, user)
  }

  /** By the engine: the shard that owns it. */
  get home(): PeerShard {
    return this.#shard
  }

  /** By the mover: from now on another shard owns it. `moves`: -1 if it has not left that shard after all. */
  rehome(shard: PeerShard, moves = 1): void {
    this.#shard = shard
    this.moves += moves
  }

  /** By the engine. */
  isOn(shard: PeerShard): boolean {
    return this.#shard === shard
  }

  /** By the engine, when the shard has refused a message itself: it will report the drain unasked. */
  dropped(): void {
    this.#needsDrain = true
  }

  /** By the engine: the application works on a message of this size until `work`, which never rejects, is fulfilled. */
  workOn(work: Promise<unknown>, bytes: number): void {
    const extras = this.extras()
    extras.unprocessed ??= new Unprocessed(this.#context.options, {
      pause: (limit) => {
        this.#context.counters.unprocessedPauses[limit]++
        this.#context.limitLog.reached(limit, { id: this.id })
        this.#hold(true)
        this.#shard.link.pause(this.key)
      },
      resume: () => {
        // Before the command, so that a shard that has seen it held meets the command afterwards.
        this.#hold(false)
        this.#shard.link.resume(this.key)
      },
    })
    extras.unprocessed.add(work, bytes)
  }

  /** By the engine. Returns whether anybody waits for it. */
  drained(): boolean {
    const wasNeeded = this.#needsDrain
    this.#needsDrain = false
    return wasNeeded
  }

  #hold(isHeld: boolean): void {
    const { table } = this.#context
    if (table.isCurrent(this.key)) table.setHeld(this.key, isHeld)
  }

  /** Pings and pongs stay in the shard unless somebody wants to hear of them. */
  #watch(event: SocketEvent): void {
    if (event === 'ping' || event === 'pong') this.#shard.link.watch(this.key)
  }

  #awaitDrain(): void {
    if (this.#needsDrain) return
    this.#needsDrain = true
    this.#shard.link.notifyDrain(this.key)
  }
}

/** What a peer needs of its shard. */
export interface PeerShard {
  readonly index: number
  readonly link: ShardLink
  /** Connections and handshakes placed there. */
  assigned: number
}

/** What a peer needs of the rooms of its server. */
export interface PeerRooms {
  namesOf(peer: Peer): ReadonlySet<string>
  join(peer: Peer, room: string): boolean
  joinAsync(peer: Peer, room: string): Promise<boolean>
  leave(peer: Peer, room: string): boolean
}

/** What the peers of a server share. */
export interface PeerContext {
  readonly hasMiddleware: () => boolean
  readonly server: HandlerServer
  readonly rooms: PeerRooms
  readonly table: ConnectionTable
  readonly counters: MainCounters
  readonly limitLog: LimitLog
  readonly securityLog: SecurityLog
  readonly options: ShardOptions
}
