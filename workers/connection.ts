import type { Duplex } from 'node:stream'
import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { ReadyState } from '../src/shared/connection-table.ts'
import { Counter } from '../src/shared/counters.ts'
import { ShardwsError } from '../src/shared/errors.ts'
import type { ReadInto } from '../src/shared/handoff/strategy.ts'
import type { ShardOptions } from '../src/shared/messages.ts'
import type { Agreement } from '../src/shared/protocol/permessage-deflate.ts'
import type { ConnectionCompression } from './compression.ts'
import type { ConnectionContext } from './connection-context.ts'
import type { ConnectionListener } from './connection-listener.ts'
import type { ConnectionSnapshot } from './connection-snapshot.ts'
import { Deadlines } from './deadlines.ts'
import { Ending } from './ending.ts'
import { Inbound, type InboundOwner, Pause } from './inbound.ts'
import { isTls } from './is-tls.ts'
import { meet } from './meet.ts'
import { Outbound, type OutboundOwner } from './outbound.ts'
import { Pings } from './pings.ts'
import type { SharedMessage } from './shared-message.ts'

/** What a connection asks of its shard. */
export interface ConnectionOwner {
  /** Main has not taken what was posted: `onCredit` once it has. */
  waitForCredit(connection: Connection): void
  remove(connection: Connection): void
}

/** One WebSocket connection on its shard: what it is made of, and how its parts hear of each other. */
export class Connection implements InboundOwner, OutboundOwner, ReadInto {
  readonly key: ConnectionKey
  readonly buffer: Buffer
  readonly agreement: Agreement | null
  readonly inbound: Inbound
  readonly outbound: Outbound
  readonly deadlines: Deadlines
  readonly pings: Pings
  readonly #context: ConnectionContext
  readonly #compression: ConnectionCompression | null
  readonly #owner: ConnectionOwner
  /** Null until it has arrived, which may be after the first messages for it. */
  #socket: Duplex | null = null
  #listener: ConnectionListener | null = null
  #readyState: ReadyState = ReadyState.OPEN
  /** Null until something begins to end it. */
  #ending: Ending | null = null
  #isTerminated = false
  /** On the socket, for as long as it is this connection's. */
  readonly #socketEvents = {
    end: () => this.#end().onEnd(),
    error: (error: NodeJS.ErrnoException) => this.#end().onTransportError(error),
    close: () => this.#onClosed(),
  }

  constructor(key: ConnectionKey, context: ConnectionContext, agreement: Agreement | null, owner: ConnectionOwner) {
    const { clock, compression, options, readBuffer } = context
    this.key = key
    this.buffer = readBuffer
    this.#context = context
    this.#owner = owner
    this.#compression = (agreement && compression?.open(agreement)) ?? null
    this.agreement = agreement
    this.outbound = new Outbound(this, context, this.#compression)
    this.deadlines = new Deadlines(options, clock.now)
    this.pings = new Pings(this, context)
    this.inbound = new Inbound(this, context, this.#compression, this.deadlines)
  }

  get readyState(): ReadyState {
    return this.#readyState
  }

  /** Who hears of it on this thread, null: main does. */
  get listener(): ConnectionListener | null {
    return this.#listener
  }

  /** To be called before it opens. */
  listen(listener: ConnectionListener): void {
    this.#listener = listener
  }

  /** The socket has arrived. */
  open(socket: Duplex, head: Uint8Array | null): void {
    for (const [event, listener] of Object.entries(this.#socketEvents)) socket.on(event, listener)
    this.#socket = socket
    if (this.#isTerminated) {
      socket.destroy()
      return
    }
    const { clock, table } = this.#context
    // One that comes from another shard has been active before.
    if (table.lastActivity(this.key) === 0) table.setLastActivity(this.key, clock.epochMs)
    this.inbound.attach(socket)
    this.outbound.attach(socket)
    if (head !== null) this.onRead(Buffer.from(head.buffer, head.byteOffset, head.length))
  }

  /** The socket will never arrive. */
  abandon(): void {
    this.#end().because('the socket did not reach its shard')
    this.#onClosed()
  }

  // ── moves ──

  /** Whether it may be made ready to move to another shard: it is open, and its socket is here and not TLS, which cannot leave. */
  get mayMove(): boolean {
    return this.#isOpen && this.#socket !== null && !isTls(this.#socket)
  }

  /** It is neither read nor written until `unhold`. `onIdle` is called when the kernel has taken what it was given. */
  hold(onIdle: () => void): void {
    this.inbound.pause(Pause.MOVING)
    this.outbound.hold(onIdle)
  }

  unhold(): void {
    this.outbound.resume()
    this.inbound.resume(Pause.MOVING)
  }

  /** Goes on where the connection of this snapshot was, agreement included. Before it opens; takes over the memory. */
  restore({ compression, deadlines, inbound, outbound, pings }: ConnectionSnapshot): void {
    const { now } = this.#context.clock
    if (compression !== null) this.#compression?.restore(compression, now)
    this.deadlines.restore(deadlines, now)
    this.inbound.restore(inbound)
    this.outbound.restore(outbound)
    this.pings.restore(pings, now)
  }

  /** Whether `snapshot` would hold all of it: it is open, and the kernel has taken what it was given. */
  get isMovable(): boolean {
    return this.mayMove && this.#socket?.destroyed === false && !this.outbound.isBlocked
  }

  /** While it is movable, is not read and handles no frame. `detach` follows in the same tick. */
  snapshot(): ConnectionSnapshot {
    const { now } = this.#context.clock
    const inbound = this.inbound.snapshot()
    return {
      agreement: this.agreement,
      compression: this.#compression?.snapshot(now) ?? null,
      deadlines: this.deadlines.snapshot(now),
      inbound,
      outbound: this.outbound.snapshot(),
      pings: this.pings.snapshot(now),
    }
  }

  /**
   * Gives the socket away as it is, without a listener of ours: its errors are the caller's from here on. This connection
   * does nothing any more; the shard removes it. Shared memory and main still know it as open.
   */
  detach(): Duplex | null {
    const socket = this.#socket
    for (const [event, listener] of Object.entries(this.#socketEvents)) socket?.off(event, listener)
    this.#socket = null
    this.#readyState = ReadyState.CLOSED
    this.inbound.detach()
    this.outbound.detach()
    this.#compression?.close()
    return socket
  }

  // ── input ──

  onRead(bytes: Buffer): void {
    this.inbound.push(bytes)
  }

  onPeerClose(code: number, reason: string): void {
    this.#end().onPeerClose(code, reason)
  }

  onCreditSpent(): void {
    this.#owner.waitForCredit(this)
  }

  /** @param reason one of `Pause`. Default: the application has more messages of this connection than it may. */
  pause(reason: number = Pause.UNPROCESSED): void {
    // One that is ending waits for its peer's end only, for which it is read: see `Inbound.awaitClose`.
    if (this.#isOpen || (reason === Pause.UNPROCESSED && this.#socket !== null)) this.inbound.pause(reason)
  }

  resume(reason: number = Pause.UNPROCESSED): void {
    this.inbound.resume(reason)
  }

  /** Main has had the chance to answer everything that this peer sent. */
  conclude(): void {
    this.#ending?.conclude()
  }

  // ── output ──

  sendShared(message: SharedMessage): void {
    this.outbound.sendShared(message)
  }

  ping(payload: Uint8Array): void {
    this.pings.send(payload)
  }

  /** Begins the closing handshake (RFC 6455 §7.1.2). */
  close(code: number, reason: string): void {
    if (this.#readyState === ReadyState.OPEN) this.#end().begin(code, reason)
  }

  /** It has taken too long over its end. */
  giveUp(): void {
    this.#end().giveUp()
  }

  /** Ends the connection without a closing handshake. `reason`: for those who hear of its end here. */
  terminate(reason?: string): void {
    if (reason !== undefined) this.#end().because(reason)
    if (this.#readyState === ReadyState.OPEN) this.setReadyState(ReadyState.CLOSING)
    this.#isTerminated = true
    this.#socket?.destroy()
  }

  markAlive(): void {
    this.deadlines.heard(this.#context.clock.now)
  }

  onQueueMoved(): void {
    this.pings.onQueueMoved()
  }

  onSlow(): void {
    this.closeSlow('SLOW_CONSUMER')
  }

  /** The peer reads too slowly: give up on what is queued. */
  closeSlow(code: 'SLOW_CONSUMER' | 'SHARD_BACKPRESSURE' | 'SHARD_MEMORY_SHED' | 'MEMORY_SHED'): void {
    this.#context.counters.add(Counter.SLOW_CONSUMERS, 1)
    this.outbound.discard()
    this.#end().fail(new ShardwsError(code))
  }

  // ── deadlines ──

  sweep(now: number): void {
    this.inbound.sweep(now, this.#isOpen)
    if (this.outbound.hasAdvanced()) this.deadlines.hasRead(now)
    const due = this.deadlines.due(now, this.#isOpen, this.inbound.isPaused)
    if (due !== null) meet(due, this)
  }

  /** A limit that this option sets has taken effect. */
  limit(counter: Counter, option: keyof ShardOptions): void {
    this.#context.counters.add(counter, 1)
    this.#context.link.limited(this.key, option)
  }

  // ── ends ──

  refuse(violation: ShardwsError): void {
    this.#end().refuse(violation)
  }

  setReadyState(state: ReadyState): void {
    this.#readyState = state
    this.#context.table.setReadyState(this.key, state)
  }

  /** Neither side has begun to end it. */
  get #isOpen(): boolean {
    return this.#readyState === ReadyState.OPEN && this.#ending?.isPending !== true
  }

  #end(): Ending {
    this.#ending ??= new Ending(this, this.#context)
    return this.#ending
  }

  #onClosed(): void {
    this.inbound.stop()
    this.outbound.release()
    this.setReadyState(ReadyState.CLOSED)
    this.#compression?.close()
    const { code, reason } = this.#end()
    this.#listener?.closed(code, reason)
    this.#owner.remove(this)
    this.#context.link.closed(this.key, code, reason)
  }
}
