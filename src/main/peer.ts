import { randomFillSync } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { ConnectionKey } from '../shared/connection-key.ts'
import { type ConnectionTable, ReadyState } from '../shared/connection-table.ts'
import { ShardwsError } from '../shared/errors.ts'
import { SendFlag, type ShardOptions } from '../shared/messages.ts'
import { CloseCode, isSendableCloseCode } from '../shared/protocol/close-codes.ts'
import { MAX_CONTROL_PAYLOAD } from '../shared/protocol/opcodes.ts'
import { type Agreement, formatAgreement, keepsContext } from '../shared/protocol/permessage-deflate.ts'
import type { LimitLog } from './limit-log.ts'
import type { MainCounters } from './main-counters.ts'
import type { RunningShard } from './running-shard.ts'
import { Unprocessed } from './unprocessed.ts'
import type { UpgradeRequest } from './upgrade-request.ts'

export interface SendOptions {
  /** Default: text for a string, binary for bytes. */
  readonly isBinary?: boolean
  /** False sends this message as it is, whatever was agreed on. Default true. */
  readonly compress?: boolean
}

/** One system call per 256 ids. */
const RANDOM_POOL = new Uint32Array(512)
let nextRandom = RANDOM_POOL.length

/** Main's view of one connection that a shard owns. What it reads is shared memory; what it does is posted. */
export class Peer<Data = unknown> {
  /** Unique in the process and not guessable; says nothing about the shard, so it outlives a move. */
  readonly id: string
  readonly key: ConnectionKey
  readonly request: UpgradeRequest
  /** Free for the application. What `verifyClient` found out about the client is `data.user`. */
  data: Data
  readonly #shard: RunningShard
  readonly #agreement: Agreement | null
  readonly #context: PeerContext
  #postedBytes = 0
  #needsDrain = false
  /** Null until a listener has returned a promise. */
  #unprocessed: Unprocessed | null = null
  /** Main has asked the shard to close it. */
  #isClosing = false

  constructor(
    key: ConnectionKey,
    shard: RunningShard,
    context: PeerContext,
    request: UpgradeRequest,
    agreement: Agreement | null,
  ) {
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
    this.#isClosing = true
    this.#shard.link.close(this.key, code, reason)
  }

  /** Ends the connection at once, without a closing handshake. */
  terminate(): void {
    this.#isClosing = true
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

  /** By the engine. */
  isOn(shard: RunningShard): boolean {
    return this.#shard === shard
  }

  /** By the engine, when the shard has refused a message itself: it will report the drain unasked. */
  dropped(): void {
    this.#needsDrain = true
  }

  /** By the engine: the application works on a message of this size until `work`, which never rejects, is fulfilled. */
  workOn(work: Promise<unknown>, bytes: number): void {
    this.#unprocessed ??= new Unprocessed(this.#context.options, {
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
    this.#unprocessed.add(work, bytes)
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

/** @throws ShardwsError ARGUMENT_INVALID */
export function assertMessage(message: unknown): asserts message is string | Uint8Array {
  if (typeof message === 'string') return
  if (!(message instanceof Uint8Array) || (message.length === 0 && isDetached(message))) {
    throw new ShardwsError('ARGUMENT_INVALID', 'message must be a string, Buffer or Uint8Array that is not detached')
  }
}

/** Whether the memory of these empty bytes was transferred away. */
function isDetached({ buffer }: Uint8Array): boolean {
  try {
    new Uint8Array(buffer)
    return false
  } catch {
    return true
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

/** What the peers of a server share. */
export interface PeerContext {
  readonly table: ConnectionTable
  readonly counters: MainCounters
  readonly limitLog: LimitLog
  readonly options: ShardOptions
}

/** Key, so that it is unique, and 64 random bits, so that it cannot be guessed. */
function createConnectionId(key: ConnectionKey): string {
  if (nextRandom === RANDOM_POOL.length) {
    randomFillSync(RANDOM_POOL)
    nextRandom = 0
  }
  const high = RANDOM_POOL[nextRandom++] ?? 0
  const low = RANDOM_POOL[nextRandom++] ?? 0
  return `${key.toString(36)}-${high.toString(36)}${low.toString(36).padStart(7, '0')}`
}

/** @throws ShardwsError ARGUMENT_INVALID */
export function assertCloseArguments(code: number, reason: string): void {
  if (!isSendableCloseCode(code)) {
    const got = typeof code === 'number' ? code : typeof code
    throw new ShardwsError('ARGUMENT_INVALID', `code must be 1000-1003, 1007-1014 or 3000-4999, got ${got}`)
  }
  if (typeof reason !== 'string') throw new ShardwsError('ARGUMENT_INVALID', 'reason must be a string')
}

function controlPayload(data: string | Uint8Array): Uint8Array {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data
  if (
    !(bytes instanceof Uint8Array) ||
    bytes.length > MAX_CONTROL_PAYLOAD ||
    (bytes.length === 0 && isDetached(bytes))
  ) {
    throw new ShardwsError(
      'ARGUMENT_INVALID',
      `data must be at most ${MAX_CONTROL_PAYLOAD} bytes or a string of that size`,
    )
  }
  return bytes
}
