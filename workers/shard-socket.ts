import type { ReadyState } from '../src/shared/connection-table.ts'
import { Counter } from '../src/shared/counters.ts'
import type { Dispatcher } from '../src/shared/dispatcher.ts'
import type { ShardwsError } from '../src/shared/errors.ts'
import { sendFlags } from '../src/shared/fan-out.ts'
import type { Handler } from '../src/shared/handler.ts'
import { assertCloseArguments, assertMessage, controlPayload } from '../src/shared/message-arguments.ts'
import { CloseCode } from '../src/shared/protocol/close-codes.ts'
import { formatAgreement } from '../src/shared/protocol/permessage-deflate.ts'
import type { SendOptions } from '../src/shared/send-options.ts'
import { type HandlerServer, Socket } from '../src/shared/socket.ts'
import { Unprocessed } from '../src/shared/unprocessed.ts'
import type { UpgradeRequest } from '../src/shared/upgrade-request.ts'
import type { Blame } from './blame.ts'
import type { Connection } from './connection.ts'
import type { ConnectionContext } from './connection-context.ts'
import type { ConnectionListener } from './connection-listener.ts'
import type { Memberships } from './memberships.ts'
import type { Reachable } from './moved-connection.ts'

/** What the sockets of a shard share. */
export interface SocketContext {
  readonly shard: ConnectionContext
  readonly dispatcher: Dispatcher
  readonly memberships: Memberships
  readonly blame: Blame
  readonly server: HandlerServer
  /** What its session holds is as of now. */
  keep(socket: ShardSocket): void
  onClosed(socket: ShardSocket): void
}

/** A connection as a handler in its own shard sees it. */
export class ShardSocket<Data = unknown> extends Socket<Data> implements ConnectionListener {
  /** By the shard. */
  readonly connection: Connection
  readonly #context: SocketContext
  /** The connection, or the way to it since it has moved to another shard. */
  #reach: Reachable

  constructor(connection: Connection, request: UpgradeRequest, handler: Handler, context: SocketContext) {
    const { table } = context.shard
    super(table.idOf(connection.key), connection.key, request, handler, table)
    this.connection = connection
    this.#reach = connection
    this.#context = context
  }

  override get server(): HandlerServer {
    return this.#context.server
  }

  override get readyState(): ReadyState {
    return this.#reach.readyState
  }

  override get extensions(): string {
    const { agreement } = this.connection
    return agreement === null ? '' : formatAgreement(agreement)
  }

  override get bufferedAmount(): number {
    return this.#reach.outbound.bufferedBytes
  }

  override send(message: string | Uint8Array, options?: boolean | SendOptions): boolean {
    assertMessage(message)
    return this.#reach.outbound.offer(message, sendFlags(message, options))
  }

  override close(code: number = CloseCode.NORMAL_CLOSURE, reason = ''): void {
    assertCloseArguments(code, reason)
    this.gate?.refuse()
    this.#reach.close(code, reason)
  }

  override terminate(): void {
    this.gate?.refuse()
    this.#reach.terminate()
  }

  override ping(data: string | Uint8Array = ''): void {
    this.#reach.ping(controlPayload(data))
  }

  override pong(data: string | Uint8Array = ''): void {
    this.#reach.outbound.pong(controlPayload(data))
  }

  override markAlive(): void {
    this.#reach.markAlive()
  }

  override get rooms(): ReadonlySet<string> {
    return this.#context.memberships.namesOf(this)
  }

  override join(room: string): boolean {
    return this.#context.memberships.join(this, room)
  }

  override joinAsync(room: string): Promise<boolean> {
    return this.#context.memberships.joinAsync(this, room)
  }

  override leave(room: string): boolean {
    return this.#context.memberships.leave(this, room)
  }

  // ── moves ──

  /** The connection is somebody else's from now on: what a handler here still works on reaches it there. */
  depart(reach: Reachable): void {
    this.#reach = reach
  }

  // ── from the connection ──

  received(payload: Buffer, isBinary: boolean, isOwned: boolean): void {
    // Text becomes a string at once; of binary the handler may keep what the next read writes over.
    const message = isBinary && !isOwned ? Buffer.from(payload) : payload
    const { blame, dispatcher } = this.#context
    blame.enter(this)
    const work = dispatcher.onMessage(this, message, isBinary)
    if (work !== undefined) this.#workOn(work, payload.length)
  }

  pinged(payload: Buffer): void {
    this.#context.dispatcher.onPing(this, Buffer.from(payload))
  }

  ponged(payload: Buffer): void {
    this.#context.dispatcher.onPong(this, Buffer.from(payload))
  }

  drained(): void {
    this.#context.dispatcher.onDrain(this)
  }

  failed(error: ShardwsError): void {
    this.#context.dispatcher.onError(this, error)
  }

  closed(code: number, reason: string): void {
    this.#context.keep(this)
    this.#context.memberships.release(this)
    this.#context.onClosed(this)
    this.#context.dispatcher.onClose(this, code, reason)
  }

  /** The application works on a message of this size until `work`, which never rejects, is fulfilled. */
  #workOn(work: Promise<unknown>, bytes: number): void {
    const { counters, link, options } = this.#context.shard
    const extras = this.extras()
    extras.unprocessed ??= new Unprocessed(options, {
      pause: (limit) => {
        const isMessages = limit === 'maxUnprocessedMessages'
        counters.add(isMessages ? Counter.UNPROCESSED_MESSAGES_PAUSES : Counter.UNPROCESSED_BYTES_PAUSES, 1)
        link.limited(this.key, limit)
        this.connection.pause()
      },
      resume: () => this.connection.resume(),
    })
    extras.unprocessed.add(work, bytes)
  }
}
