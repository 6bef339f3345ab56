import type { IncomingHttpHeaders } from 'node:http'
import type { ConnectionKey } from '../shared/connection-key.ts'
import { type ConnectionTable, ReadyState } from '../shared/connection-table.ts'
import { ShardwsError } from '../shared/errors.ts'
import { SendFlag, type ShardOptions } from '../shared/messages.ts'
import { CloseCode } from '../shared/protocol/close-codes.ts'
import { type Agreement, formatAgreement, keepsContext } from '../shared/protocol/permessage-deflate.ts'
import { createConnectionId } from './connection-id.ts'
import type { LimitLog } from './limit-log.ts'
import type { MainCounters } from './main-counters.ts'
import { assertCloseArguments, assertMessage, controlPayload } from './message-arguments.ts'
import type { SecurityLog } from './security-log.ts'
import type { ShardLink } from './shard-link.ts'
import { SocketEvents } from './socket-events.ts'
import { Unprocessed } from './unprocessed.ts'
import type { UpgradeRequest } from './upgrade-request.ts'

export interface SendOptions {
  /** Default: text for a string, binary for bytes. */
  readonly isBinary?: boolean
  /** False sends this message as it is, whatever was agreed on. Default true. */
  readonly compress?: boolean
}

/** How a message for many connections is to be sent. */
export interface BroadcastOptions extends SendOptions {
  /** A connection that does not get it, or its id. */
  readonly except?: string | Peer
}

/** Main's view of one connection that a shard owns. What it reads is shared memory; what it does is posted. */
export class Peer<Data = unknown> extends SocketEvents {
  /** Unique in the process and not guessable; says nothing about the shard, so it outlives a move. */
  readonly id: string
  readonly key: ConnectionKey
  readonly request: UpgradeRequest
  /** Free for the application. What `verifyClient` found out about the client is `data.user`. */
  data: Data
  readonly #shard: PeerShard
  readonly #agreement: Agreement | null
  readonly #context: PeerContext
  #postedBytes = 0
  #needsDrain = false
  /** Main has asked the shard to close it. */
  #isClosing = false

  constructor(
    key: ConnectionKey,
    shard: PeerShard,
    context: PeerContext,
    request: UpgradeRequest,
    agreement: Agreement | null,
  ) {
    super()
    this.id = createConnectionId(key)
    this.key = key
    this.request = request
    this.data = (request.user === undefined ? {} : { user: request.user }) as Data
    this.#shard = shard
    this.#agreement = agreement
    this.#context = context
  }

  /** Index of the shard that owns the connection. */
  get shard(): number {
    return this.#context.table.shard(this.key)
  }

  get url(): string {
    return this.request.url
  }

  get path(): string {
    return this.request.path
  }

  get query(): Record<string, string> {
    return this.request.query
  }

  get headers(): IncomingHttpHeaders {
    return this.request.headers
  }

  get remoteAddress(): string {
    return this.request.remoteAddress
  }

  get remotePort(): number {
    return this.request.remotePort
  }

  /** The client's address, by `trustProxy`. */
  get ip(): string {
    return this.request.ip
  }

  /** The parts of the path that the route names. */
  get params(): Record<string, string> {
    return this.request.params
  }

  /** Whom `verifyClient` or the middleware found: `request.user`. */
  get user(): unknown {
    return this.request.user
  }

  set user(user: unknown) {
    this.request.user = user
  }

  get protocol(): string {
    return this.request.protocol
  }

  /** The agreed extensions as in `Sec-WebSocket-Extensions`, '' for none. */
  get extensions(): string {
    return this.#agreement === null ? '' : formatAgreement(this.#agreement)
  }

  /** Whether its shard keeps zlib contexts for it. */
  get keepsContext(): boolean {
    return this.#agreement !== null && keepsContext(this.#agreement)
  }

  get readyState(): ReadyState {
    const state = this.#context.table.readyState(this.key)
    return this.#isClosing && state === ReadyState.OPEN ? ReadyState.CLOSING : state
  }

  /** Bytes on their way to the shard and bytes that the kernel has not taken there. */
  get bufferedAmount(): number {
    return this.#postedBytes - this.#context.table.takenBytes(this.key) + this.#context.table.queuedBytes(this.key)
  }

  /** Payload bytes. */
  get bytesReceived(): number {
    return this.#context.table.bytesReceived(this.key)
  }

  /** Payload bytes. */
  get bytesSent(): number {
    return this.#context.table.bytesSent(this.key)
  }

  get messagesReceived(): number {
    return this.#context.table.messagesReceived(this.key)
  }

  /** Milliseconds since the epoch of the last message or, before the first, of the opening. */
  get lastActivity(): number {
    return this.#context.table.lastActivity(this.key)
  }

  /** Milliseconds since the epoch. */
  get connectedAt(): number {
    return this.#context.table.connectedAt(this.key)
  }

  /** Milliseconds since the epoch, 0 before the first pong. */
  get lastPong(): number {
    return this.#context.table.lastPong(this.key)
  }

  /** Open: a connection past its liveness deadline is not. */
  get isAlive(): boolean {
    return this.readyState === ReadyState.OPEN
  }

  /** 1 - compressed / original over all compressed messages in both directions, 0 while there are none. */
  get compressionRatio(): number {
    return this.#context.table.compressionRatio(this.key)
  }

  /**
   * Sends a text (string) or binary message; the options override the kind and forbid compression.
   *
   * True means that the shard will write it to the socket. False: the connection is not open, or its kernel queue
   * is full and `maxBackpressure` is reached (with `slowConsumer: 'buffer'` the message is queued all the same), or
   * the shard is too far behind to take more. In the last two cases `drain` says when to go on.
   *
   * @throws ShardwsError ARGUMENT_INVALID
   */
  send(message: string | Uint8Array, options?: boolean | SendOptions): boolean {
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

  /**
   * Begins the closing handshake. Does nothing when it has begun already.
   *
   * @param code 1000 to 1003, 1007 to 1014 or 3000 to 4999. Default 1000.
   * @param reason At most 123 bytes of UTF-8, the rest is cut off. Default ''.
   * @throws ShardwsError ARGUMENT_INVALID
   */
  close(code: number = CloseCode.NORMAL_CLOSURE, reason = ''): void {
    assertCloseArguments(code, reason)
    if (code === CloseCode.POLICY_VIOLATION && !this.#isClosing) this.#context.securityLog.closed(this, reason)
    this.#isClosing = true
    this.gate?.refuse()
    this.#shard.link.close(this.key, code, reason)
  }

  /** Ends the connection at once, without a closing handshake. */
  terminate(): void {
    this.#isClosing = true
    this.gate?.refuse()
    this.#shard.link.terminate(this.key)
  }

  /** @param data At most 125 bytes. @throws ShardwsError ARGUMENT_INVALID */
  ping(data: string | Uint8Array = ''): void {
    this.#shard.link.ping(this.key, controlPayload(data))
  }

  /** An unsolicited pong (RFC 6455 §5.5.3). @param data At most 125 bytes. @throws ShardwsError ARGUMENT_INVALID */
  pong(data: string | Uint8Array = ''): void {
    this.#shard.link.pong(this.key, controlPayload(data))
  }

  /** Restarts the liveness and idle deadlines, as if the peer had sent something. */
  markAlive(): void {
    this.#shard.link.markAlive(this.key)
  }

  /** Names of the rooms it is in, as of now. */
  get rooms(): ReadonlySet<string> {
    return this.#context.rooms.namesOf(this)
  }

  /** See `WebSocketServer.join`. @throws ShardwsError ARGUMENT_INVALID */
  join(room: string): boolean {
    return this.#context.rooms.join(this, room)
  }

  /** See `WebSocketServer.joinAsync`. Rejects with ShardwsError ARGUMENT_INVALID. */
  joinAsync(room: string): Promise<boolean> {
    return this.#context.rooms.joinAsync(this, room)
  }

  /** See `WebSocketServer.leave`. @throws ShardwsError ARGUMENT_INVALID */
  leave(room: string): boolean {
    return this.#context.rooms.leave(this, room)
  }

  /** See `WebSocketServer.publish`: the members get it, this connection too if it is one and not excepted. @throws ShardwsError ARGUMENT_INVALID */
  publish(room: string, message: string | Uint8Array, options?: boolean | BroadcastOptions): boolean {
    return this.#context.rooms.publish(room, message, options)
  }

  /** By the engine: the shard that owns it. */
  get home(): PeerShard {
    return this.#shard
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

  #awaitDrain(): void {
    if (this.#needsDrain) return
    this.#needsDrain = true
    this.#shard.link.notifyDrain(this.key)
  }
}

/** The bits of `SendFlag` for `message`; a boolean says whether it is binary. @throws ShardwsError ARGUMENT_INVALID */
export function sendFlags(message: string | Uint8Array, options: boolean | SendOptions = {}): number {
  if (typeof options !== 'boolean' && (typeof options !== 'object' || options === null)) {
    throw new ShardwsError('ARGUMENT_INVALID', 'options must be a boolean (isBinary) or an object')
  }
  const { isBinary, compress }: SendOptions = typeof options === 'boolean' ? { isBinary: options } : options
  const binary = (isBinary ?? typeof message !== 'string') ? SendFlag.BINARY : 0
  return compress === false ? binary | SendFlag.PLAIN : binary
}

/** What a peer needs of its shard. */
export interface PeerShard {
  readonly index: number
  readonly link: ShardLink
}

/** What a peer needs of the rooms of its server. */
export interface PeerRooms {
  namesOf(peer: Peer): ReadonlySet<string>
  join(peer: Peer, room: string): boolean
  joinAsync(peer: Peer, room: string): Promise<boolean>
  leave(peer: Peer, room: string): boolean
  publish(room: string, message: string | Uint8Array, options?: boolean | BroadcastOptions): boolean
}

/** What the peers of a server share. */
export interface PeerContext {
  readonly rooms: PeerRooms
  readonly table: ConnectionTable
  readonly counters: MainCounters
  readonly limitLog: LimitLog
  readonly securityLog: SecurityLog
  readonly options: ShardOptions
}
