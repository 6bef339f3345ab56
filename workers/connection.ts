import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { ReadyState } from '../src/shared/connection-table.ts'
import { Counter } from '../src/shared/counters.ts'
import { ShardwsError } from '../src/shared/errors.ts'
import type { ReadInto } from '../src/shared/handoff/strategy.ts'
import type { ShardOptions } from '../src/shared/messages.ts'
import { CloseCode, encodeCloseBody } from '../src/shared/protocol/close-codes.ts'
import { FIN, Opcode } from '../src/shared/protocol/opcodes.ts'
import type { Agreement } from '../src/shared/protocol/permessage-deflate.ts'
import type { ConnectionCompression } from './compression.ts'
import type { ConnectionContext } from './connection-context.ts'
import type { ConnectionListener } from './connection-listener.ts'
import type { ConnectionSnapshot } from './connection-snapshot.ts'
import { Deadlines } from './deadlines.ts'
import { Inbound, type InboundOwner, Pause } from './inbound.ts'
import { meet } from './meet.ts'
import { Outbound, type OutboundOwner } from './outbound.ts'
import type { SharedMessage } from './shared-message.ts'

const CLOSE_FRAME = FIN | Opcode.CLOSE
const PONG_FRAME = FIN | Opcode.PONG

const NO_BYTES = new Uint8Array(0)

/** How long a peer may take to close its end after we have closed ours; then the socket is destroyed. */
const LINGER_MS = 1000

/** What a connection asks of its shard. */
export interface ConnectionOwner {
  /** Main has not taken what was posted: `onCredit` once it has. */
  waitForCredit(connection: Connection): void
  remove(connection: Connection): void
}

/** One WebSocket connection on its shard: input, output, closing handshake, deadlines. */
export class Connection implements InboundOwner, OutboundOwner, ReadInto {
  readonly key: ConnectionKey
  readonly buffer: Buffer
  readonly agreement: Agreement | null
  readonly outbound: Outbound
  readonly #context: ConnectionContext
  readonly #inbound: Inbound
  readonly #compression: ConnectionCompression | null
  readonly #owner: ConnectionOwner
  /** Null until it has arrived, which may be after the first messages for it. */
  #socket: Duplex | null = null
  #listener: ConnectionListener | null = null
  #readyState: ReadyState = ReadyState.OPEN
  #closeCode: number = CloseCode.ABNORMAL_CLOSURE
  #closeReason = ''
  /** How the connection ends once main has answered what came before. */
  #conclusion: (() => void) | null = null
  #isTerminated = false
  #isWatched = false
  /** The peer owes us a close frame. */
  #awaitsClose = false
  readonly #deadlines: Deadlines
  /** On the socket, for as long as it is this connection's. */
  readonly #socketEvents = {
    end: () => this.#onEnd(),
    error: (error: NodeJS.ErrnoException) => this.#onTransportError(error),
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
    this.#deadlines = new Deadlines(options, clock.now)
    this.#inbound = new Inbound(this, context, this.#compression, this.#deadlines)
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
    this.#inbound.attach(socket)
    this.outbound.attach(socket)
    if (head !== null) this.onRead(Buffer.from(head.buffer, head.byteOffset, head.length))
  }

  /** The socket will never arrive. */
  abandon(): void {
    this.#closeReason = 'the socket did not reach its shard'
    this.#onClosed()
  }

  // ── moves ──

  /** Goes on where the connection of this snapshot was, agreement included. Before it opens; takes over the memory. */
  restore({ compression, deadlines, inbound, outbound, isWatched }: ConnectionSnapshot): void {
    const { now } = this.#context.clock
    if (compression !== null) this.#compression?.restore(compression, now)
    this.#deadlines.restore(deadlines, now)
    this.#inbound.restore(inbound)
    this.outbound.restore(outbound)
    this.#isWatched = isWatched
  }

  /** Whether `snapshot` would hold all of it: it is open, and the kernel has taken what it was given. */
  get isMovable(): boolean {
    return this.mayMove && this.#socket?.destroyed === false && !this.outbound.isBlocked
  }

  /** While it is movable, is not read and handles no frame. `detach` follows in the same tick. */
  snapshot(): ConnectionSnapshot {
    const { now } = this.#context.clock
    const inbound = this.#inbound.snapshot()
    return {
      agreement: this.agreement,
      compression: this.#compression?.snapshot(now) ?? null,
      deadlines: this.#deadlines.snapshot(now),
      inbound,
      outbound: this.outbound.snapshot(),
      isWatched: this.#isWatched,
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
    this.#inbound.detach()
    this.outbound.detach()
    this.#compression?.close()
    return socket
  }

  // ── input ──

  onRead(bytes: Buffer): void {
    this.#inbound.push(bytes)
  }

  /** Main is to hear of pings and pongs. */
  watch(): void {
    this.#isWatched = true
  }

  onPing(payload: Buffer): void {
    this.#answerPing(payload)
    if (this.#isWatched) this.#context.link.pinged(this.key, payload)
    this.#listener?.pinged(payload)
  }

  onPong(payload: Buffer): void {
    if (this.#isWatched) this.#context.link.ponged(this.key, payload)
    this.#listener?.ponged(payload)
  }

  onPeerClose(code: number, reason: string): void {
    this.#closeCode = code
    this.#closeReason = reason
    this.#afterMain(() => this.#answerClose(code))
  }

  onCreditSpent(): void {
    this.#owner.waitForCredit(this)
  }

  /** @param reason one of `Pause`. Default: the application has more messages of this connection than it may. */
  pause(reason: number = Pause.UNPROCESSED): void {
    // One that is ending waits for its peer's end only.
    if (this.#isOpen) this.#inbound.pause(reason)
  }

  resume(reason: number = Pause.UNPROCESSED): void {
    this.#inbound.resume(reason)
  }

  /** Whether it may be made ready to move to another shard: it is open, and its socket is here and not TLS, which cannot leave. */
  get mayMove(): boolean {
    return this.#isOpen && this.#socket !== null && !(this.#socket instanceof TLSSocket) && !this.#isTerminated
  }

  /** It is neither read nor written until `unhold`. `onIdle` is called when the kernel has taken what it was given. */
  hold(onIdle: () => void): void {
    this.#inbound.pause(Pause.MOVING)
    this.outbound.hold(onIdle)
  }

  unhold(): void {
    this.outbound.resume()
    this.#inbound.resume(Pause.MOVING)
  }

  /** Main has had the chance to answer everything that this peer sent. */
  conclude(): void {
    const conclusion = this.#conclusion
    this.#conclusion = null
    conclusion?.()
  }

  #answerClose(code: number): void {
    // RFC 6455 §5.5.1: answer with a close frame, echoing the code, unless one was sent already.
    if (this.#readyState === ReadyState.OPEN) {
      this.outbound.sendControl(
        CLOSE_FRAME,
        code === CloseCode.NO_STATUS_RECEIVED ? NO_BYTES : encodeCloseBody(code, ''),
      )
    }
    this.#finish()
  }

  // ── output ──

  sendShared(message: SharedMessage): void {
    this.outbound.sendShared(message)
  }

  ping(payload: Uint8Array): void {
    if (!this.outbound.ping(payload)) return
    this.#context.counters.add(Counter.PINGS_SENT, 1)
    this.#inbound.awaitPong()
  }

  /** Begins the closing handshake (RFC 6455 §7.1.2). */
  close(code: number, reason: string): void {
    if (this.#readyState !== ReadyState.OPEN) return
    this.outbound.sendControl(CLOSE_FRAME, encodeCloseBody(code, reason))
    this.#setReadyState(ReadyState.CLOSING)
    this.#awaitsClose = true
    this.#deadlines.endWithin(this.#context.options.closeTimeoutMs, this.#context.clock.exactNow)
  }

  /** It has taken too long over its end. */
  giveUp(): void {
    if (this.#conclusion !== null) return this.conclude()
    if (this.#awaitsClose) this.limit(Counter.CLOSE_TIMEOUTS, 'closeTimeoutMs')
    this.terminate()
  }

  /** Ends the connection without a closing handshake. `reason`: for those who hear of its end here. */
  terminate(reason = this.#closeReason): void {
    this.#closeReason = reason
    this.#isTerminated = true
    this.#socket?.destroy()
  }

  markAlive(): void {
    this.#deadlines.heard(this.#context.clock.now)
  }

  /** The pong that was left out for want of reading can go now, or wait behind what is queued. */
  onQueueMoved(): void {
    const owed = this.#inbound.takeOwedPong()
    if (owed !== null) this.#answerPing(owed)
  }

  onSlow(): void {
    this.closeSlow('SLOW_CONSUMER')
  }

  /** The peer reads too slowly: give up on what is queued. */
  closeSlow(code: 'SLOW_CONSUMER' | 'SHARD_BACKPRESSURE' | 'MEMORY_SHED'): void {
    this.#context.counters.add(Counter.SLOW_CONSUMERS, 1)
    this.outbound.discard()
    this.#fail(new ShardwsError(code))
  }

  #answerPing(payload: Buffer): void {
    if (this.#readyState !== ReadyState.OPEN) return
    if (!this.outbound.isBlocked || this.#inbound.mayQueuePong(payload)) this.outbound.sendControl(PONG_FRAME, payload)
  }

  // ── deadlines ──

  sweep(now: number): void {
    this.#inbound.sweep(now, this.#isOpen)
    const due = this.#deadlines.due(now, this.#isOpen, this.#inbound.isPaused)
    if (due !== null) meet(due, this)
  }

  /** A limit that this option sets has taken effect. */
  limit(counter: Counter, option: keyof ShardOptions): void {
    this.#context.counters.add(counter, 1)
    this.#context.link.limited(this.key, option)
  }

  // ── ends ──

  /**
   * The peer has sent its last: lets main answer what came before, as a handler on the same thread would have
   * done, and then ends the connection. A main thread that is blocked is not waited for longer than `LINGER_MS`.
   */
  #afterMain(conclusion: () => void): void {
    if (this.#conclusion !== null) return
    if (!this.#inbound.hasReachedMain) {
      conclusion()
      return
    }
    this.#conclusion = conclusion
    this.#deadlines.endWithin(LINGER_MS, this.#context.clock.exactNow)
    this.#inbound.resume()
    this.#context.link.finished(this.key)
  }

  /** The peer broke a rule: nothing more of it counts. */
  refuse(violation: ShardwsError): void {
    this.#inbound.stop()
    this.#context.counters.add(Counter.PROTOCOL_ERRORS, 1)
    this.#afterMain(() => this.#fail(violation))
  }

  /** RFC 6455 §7.1.7: say why, then close the TCP connection; what the peer still sends is ignored. */
  #fail(error: ShardwsError): void {
    this.#inbound.stop()
    this.#closeCode = error.closeCode ?? CloseCode.ABNORMAL_CLOSURE
    this.#closeReason = error.message
    this.#context.counters.countFailure(error.code)
    this.#report(error)
    if (this.#readyState === ReadyState.OPEN) {
      this.outbound.sendControl(CLOSE_FRAME, encodeCloseBody(this.#closeCode, error.message))
    }
    this.#finish()
  }

  /** RFC 6455 §7.1.1: the server closes the TCP connection first, and waits for the peer to do the same. */
  #finish(): void {
    this.#setReadyState(ReadyState.CLOSING)
    this.#awaitsClose = false
    this.#deadlines.endWithin(LINGER_MS, this.#context.clock.exactNow)
    this.#inbound.resume()
    this.outbound.end()
  }

  #onEnd(): void {
    this.#inbound.stop()
    this.#afterMain(() => this.#finish())
  }

  #onTransportError(error: NodeJS.ErrnoException): void {
    // A reset after the closing handshake has begun is the end that was wanted.
    if (this.#readyState !== ReadyState.OPEN || this.#conclusion !== null) return
    this.#context.counters.add(Counter.TRANSPORT_ERRORS, 1)
    this.#context.counters.countFailure('TRANSPORT_FAILED')
    this.#report(new ShardwsError('TRANSPORT_FAILED', error.code ?? error.message))
  }

  #report(error: ShardwsError): void {
    if (this.#listener === null) this.#context.link.failed(this.key, error.code, error.message)
    else this.#listener.failed(error)
  }

  #onClosed(): void {
    this.#inbound.stop()
    this.outbound.release()
    this.#setReadyState(ReadyState.CLOSED)
    this.#compression?.close()
    this.#listener?.closed(this.#closeCode, this.#closeReason)
    this.#owner.remove(this)
    this.#context.link.closed(this.key, this.#closeCode, this.#closeReason)
  }

  // ── helpers ──

  /** Neither side has begun to end it. */
  get #isOpen(): boolean {
    return this.#readyState === ReadyState.OPEN && this.#conclusion === null
  }

  #setReadyState(state: ReadyState): void {
    this.#readyState = state
    this.#context.table.setReadyState(this.key, state)
  }
}
