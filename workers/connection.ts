import type { Duplex } from 'node:stream'
import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { type ConnectionTable, ReadyState } from '../src/shared/connection-table.ts'
import { Counter, type CounterRow } from '../src/shared/counters.ts'
import { ShardwsError } from '../src/shared/errors.ts'
import type { ReadInto } from '../src/shared/handoff/strategy.ts'
import type { ShardOptions } from '../src/shared/messages.ts'
import { CloseCode, encodeCloseBody } from '../src/shared/protocol/close-codes.ts'
import { FrameParser, type FrameSink, type ParserLimits } from '../src/shared/protocol/frame-parser.ts'
import { frameHeaderSize } from '../src/shared/protocol/frame-writer.ts'
import { FIN, Opcode } from '../src/shared/protocol/opcodes.ts'
import type { Clock } from './clock.ts'
import { Deadlines, type Due } from './deadlines.ts'
import type { MainLink } from './main-link.ts'
import type { Outbox } from './outbox.ts'
import { type QueueOwner, SendQueue } from './send-queue.ts'

const TEXT_FRAME = FIN | Opcode.TEXT
const BINARY_FRAME = FIN | Opcode.BINARY
const CLOSE_FRAME = FIN | Opcode.CLOSE
const PING_FRAME = FIN | Opcode.PING
const PONG_FRAME = FIN | Opcode.PONG

const NO_BYTES = new Uint8Array(0)

/** How long a peer may take to close its end after we have closed ours; then the socket is destroyed. */
const LINGER_MS = 1000

/** What a connection shares with the others of its shard. */
export interface ConnectionContext {
  readonly options: ShardOptions
  readonly limits: ParserLimits
  readonly clock: Clock
  readonly counters: CounterRow
  readonly table: ConnectionTable
  readonly link: MainLink
  readonly outbox: Outbox
  readonly readBuffer: Buffer
  /** Main has not taken what was posted: stop reading until it has. */
  pause(connection: Connection): void
  /** The shard holds more unsent bytes than `maxShardBackpressure`. */
  relieve(): void
  remove(connection: Connection): void
}

/** One WebSocket connection on its shard: parser, output, closing handshake, deadlines. */
export class Connection implements FrameSink, ReadInto, QueueOwner {
  readonly key: ConnectionKey
  readonly buffer: Buffer
  readonly #context: ConnectionContext
  readonly #parser: FrameParser
  readonly #queue: SendQueue
  /** Null until it has arrived, which may be after the first messages for it. */
  #socket: Duplex | null = null
  #readyState: ReadyState = ReadyState.OPEN
  #closeCode: number = CloseCode.ABNORMAL_CLOSURE
  #closeReason = ''
  #wantsDrained = false
  /** Main has got a message of this connection. */
  #mayBeAnswered = false
  /** How the connection ends once main has answered what came before. */
  #conclusion: (() => void) | null = null
  #isReadingPaused = false
  #isTerminated = false
  readonly #deadlines: Deadlines

  constructor(key: ConnectionKey, context: ConnectionContext) {
    const { clock, limits, options, readBuffer } = context
    this.key = key
    this.buffer = readBuffer
    this.#context = context
    this.#parser = new FrameParser('server', limits, this)
    this.#queue = new SendQueue(context.outbox, this)
    this.#deadlines = new Deadlines(options, clock.now)
  }

  get readyState(): ReadyState {
    return this.#readyState
  }

  get bufferedBytes(): number {
    return this.#queue.bufferedBytes
  }

  /** The socket has arrived. */
  open(socket: Duplex, head: Uint8Array | null): void {
    socket.on('end', () => this.#onEnd())
    socket.on('error', (error: NodeJS.ErrnoException) => this.#onTransportError(error))
    socket.on('close', () => this.#onClosed())
    this.#socket = socket
    if (this.#isTerminated) {
      socket.destroy()
      return
    }
    this.#context.table.setLastActivity(this.key, this.#context.clock.epochMs)
    this.#queue.attach(socket)
    if (head !== null) this.onRead(Buffer.from(head.buffer, head.byteOffset, head.length))
  }

  /** The socket will never arrive. */
  abandon(): void {
    this.#closeReason = 'the socket did not reach its shard'
    this.#onClosed()
  }

  // ── input ──

  onRead(bytes: Buffer): void {
    this.#context.counters.add(Counter.WIRE_BYTES_IN, bytes.length)
    this.#deadlines.heard(this.#context.clock.now)
    const violation = this.#parser.push(bytes)
    if (violation === null) return
    this.#context.counters.add(Counter.PROTOCOL_ERRORS, 1)
    this.#afterMain(() => this.#fail(violation))
  }

  onMessage(payload: Buffer, isBinary: boolean): void {
    const { counters, table, clock, link } = this.#context
    counters.add(Counter.MESSAGES_RECEIVED, 1)
    counters.add(Counter.BYTES_RECEIVED, payload.length)
    table.countReceived(this.key, payload.length, clock.epochMs)
    link.received(this.key, payload, isBinary)
    this.#mayBeAnswered = true
    if (!this.#isReadingPaused && !link.hasCredit()) {
      this.#isReadingPaused = true
      this.#socket?.pause()
      this.#context.pause(this)
    }
  }

  onPing(payload: Buffer): void {
    // RFC 6455 §5.5.3: only the latest of several pings needs its pong, so a peer that does not read gets no more.
    if (this.#readyState !== ReadyState.OPEN || this.bufferedBytes > this.#context.options.maxBackpressure) return
    this.#append(PONG_FRAME, payload)
  }

  onPong(): void {
    const { counters, table, clock } = this.#context
    counters.add(Counter.PONGS_RECEIVED, 1)
    table.setLastPong(this.key, clock.epochMs)
  }

  onClose(code: number, reason: string): void {
    this.#closeCode = code
    this.#closeReason = reason
    this.#afterMain(() => this.#answerClose(code))
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
      this.#append(CLOSE_FRAME, code === CloseCode.NO_STATUS_RECEIVED ? NO_BYTES : encodeCloseBody(code, ''))
    }
    this.#finish()
  }

  resumeReading(): void {
    if (!this.#isReadingPaused) return
    this.#isReadingPaused = false
    this.#deadlines.heard(this.#context.clock.now)
    this.#socket?.resume()
  }

  // ── output ──

  /** A message of main's, which has admitted it. */
  send(payload: Uint8Array, isBinary: boolean): void {
    const frameBytes = frameHeaderSize(payload.length) + payload.length
    if (!this.#takes(payload.length, frameBytes)) return
    this.#countSent(payload.length)
    this.#queue.append(isBinary ? BINARY_FRAME : TEXT_FRAME, payload, frameBytes)
    this.#onQueued()
  }

  /** A message of main's, as a complete frame that is not copied. */
  sendFrame(frame: Buffer, payloadBytes: number): void {
    if (!this.#takes(payloadBytes, frame.length)) return
    this.#countSent(payloadBytes)
    this.#queue.appendShared(frame)
    this.#onQueued()
  }

  /** A complete frame that other connections get too; it is not copied, and dropped if this one is too slow. */
  sendShared(frame: Buffer, payloadBytes: number): void {
    if (!this.#admits(frame.length)) return
    this.#countSent(payloadBytes)
    this.#queue.appendShared(frame)
    this.#onQueued()
  }

  ping(payload: Uint8Array): void {
    if (this.#readyState !== ReadyState.OPEN) return
    this.#context.counters.add(Counter.PINGS_SENT, 1)
    this.#append(PING_FRAME, payload)
  }

  pong(payload: Uint8Array): void {
    if (this.#readyState === ReadyState.OPEN) this.#append(PONG_FRAME, payload)
  }

  /** Begins the closing handshake (RFC 6455 §7.1.2). */
  close(code: number, reason: string): void {
    if (this.#readyState !== ReadyState.OPEN) return
    this.#append(CLOSE_FRAME, encodeCloseBody(code, reason))
    this.#setReadyState(ReadyState.CLOSING)
    this.#deadlines.endWithin(this.#context.options.closeTimeoutMs, this.#context.clock.now)
  }

  /** Ends the connection without a closing handshake. */
  terminate(): void {
    this.#isTerminated = true
    this.#socket?.destroy()
  }

  markAlive(): void {
    this.#deadlines.heard(this.#context.clock.now)
  }

  notifyDrain(): void {
    if (this.#queue.isBlocked) this.#wantsDrained = true
    else this.#context.link.drained(this.key)
  }

  onBlocked(): void {
    this.#context.table.setQueuedBytes(this.key, this.bufferedBytes)
  }

  onDrained(): void {
    this.#context.table.setQueuedBytes(this.key, 0)
    if (!this.#wantsDrained) return
    this.#wantsDrained = false
    this.#context.link.drained(this.key)
  }

  /** The peer reads too slowly: give up on what is queued. */
  closeSlow(): void {
    this.#context.counters.add(Counter.SLOW_CONSUMERS, 1)
    this.#queue.discard()
    this.#fail(new ShardwsError('SLOW_CONSUMER'))
  }

  // ── deadlines ──

  sweep(now: number): void {
    const due = this.#deadlines.due(now, this.#readyState === ReadyState.OPEN, this.#isReadingPaused)
    if (due !== null) this.#meet(due)
  }

  #meet(due: Due): void {
    const { counters } = this.#context
    switch (due) {
      case 'end':
        if (this.#conclusion !== null) return this.conclude()
        counters.add(Counter.CLOSE_TIMEOUTS, 1)
        return this.terminate()
      case 'liveness':
        counters.add(Counter.LIVENESS_TIMEOUTS, 1)
        this.#closeReason = 'liveness timeout'
        return this.terminate()
      case 'idle':
        counters.add(Counter.IDLE_TIMEOUTS, 1)
        return this.close(CloseCode.GOING_AWAY, 'idle timeout')
      case 'lifetime':
        counters.add(Counter.LIFETIMES_ENDED, 1)
        return this.close(CloseCode.GOING_AWAY, 'end of lifetime')
      case 'ping':
        return this.ping(NO_BYTES)
    }
  }

  // ── ends ──

  /**
   * The peer has sent its last: lets main answer what came before, as a handler on the same thread would have
   * done, and then ends the connection. A main thread that is blocked is not waited for longer than `LINGER_MS`.
   */
  #afterMain(conclusion: () => void): void {
    if (this.#conclusion !== null) return
    if (!this.#mayBeAnswered) {
      conclusion()
      return
    }
    this.#conclusion = conclusion
    this.#deadlines.endWithin(LINGER_MS, this.#context.clock.now)
    this.resumeReading()
    this.#context.link.finished(this.key)
  }

  /** RFC 6455 §7.1.7: say why, then close the TCP connection; what the peer still sends is ignored. */
  #fail(error: ShardwsError): void {
    this.#parser.stop()
    this.#closeCode = error.closeCode ?? CloseCode.ABNORMAL_CLOSURE
    this.#closeReason = error.message
    this.#context.link.failed(this.key, error.code, error.message)
    if (this.#readyState === ReadyState.OPEN) {
      this.#append(CLOSE_FRAME, encodeCloseBody(this.#closeCode, error.message))
    }
    this.#finish()
  }

  /** RFC 6455 §7.1.1: the server closes the TCP connection first, and waits for the peer to do the same. */
  #finish(): void {
    this.#setReadyState(ReadyState.CLOSING)
    this.#deadlines.endWithin(LINGER_MS, this.#context.clock.now)
    this.resumeReading()
    this.#queue.end()
  }

  #onEnd(): void {
    this.#parser.stop()
    this.#afterMain(() => this.#finish())
  }

  #onTransportError(error: NodeJS.ErrnoException): void {
    // A reset after the closing handshake has begun is the end that was wanted.
    if (this.#readyState !== ReadyState.OPEN || this.#conclusion !== null) return
    this.#context.counters.add(Counter.TRANSPORT_ERRORS, 1)
    this.#context.link.failed(this.key, 'TRANSPORT_FAILED', error.code ?? error.message)
  }

  #onClosed(): void {
    this.#parser.stop()
    this.#queue.release()
    this.#setReadyState(ReadyState.CLOSED)
    this.#context.table.setQueuedBytes(this.key, 0)
    this.#context.remove(this)
    this.#context.link.closed(this.key, this.#closeCode, this.#closeReason)
  }

  // ── helpers ──

  #append(firstByte: number, payload: Uint8Array): void {
    this.#queue.append(firstByte, payload, frameHeaderSize(payload.length) + payload.length)
  }

  /** Main has said that this message will be written: of the policies only 'close' may still break that. */
  #takes(payloadBytes: number, frameBytes: number): boolean {
    const { options, table } = this.#context
    table.addTaken(this.key, payloadBytes)
    if (this.#readyState !== ReadyState.OPEN) return false
    return options.slowConsumer === 'close' ? this.#admits(frameBytes) : true
  }

  /** A message is always admitted to an empty queue, however large it is. */
  #admits(frameBytes: number): boolean {
    if (this.#readyState !== ReadyState.OPEN) return false
    const { counters, link, options } = this.#context
    const buffered = this.bufferedBytes
    if (buffered === 0 || buffered + frameBytes <= options.maxBackpressure) return true
    if (options.slowConsumer === 'buffer') return true
    if (options.slowConsumer === 'close') {
      this.closeSlow()
      return false
    }
    counters.add(Counter.DROPPED_MESSAGES, 1)
    counters.add(Counter.DROPPED_BYTES, frameBytes)
    if (!this.#wantsDrained) {
      this.#wantsDrained = true
      link.dropped(this.key)
    }
    return false
  }

  #countSent(payloadBytes: number): void {
    const { counters, table } = this.#context
    counters.add(Counter.MESSAGES_SENT, 1)
    counters.add(Counter.BYTES_SENT, payloadBytes)
    table.countSent(this.key, payloadBytes)
  }

  #onQueued(): void {
    if (!this.#queue.isBlocked) return
    const { options, outbox, table } = this.#context
    table.setQueuedBytes(this.key, this.bufferedBytes)
    if (outbox.heldBytes > options.maxShardBackpressure) this.#context.relieve()
  }

  #setReadyState(state: ReadyState): void {
    this.#readyState = state
    this.#context.table.setReadyState(this.key, state)
  }
}
