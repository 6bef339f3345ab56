import type { Duplex } from 'node:stream'
import { APART_BYTES } from '../src/shared/batch.ts'
import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { Counter } from '../src/shared/counters.ts'
import { ShardwsError } from '../src/shared/errors.ts'
import { FrameParser, type FrameSink } from '../src/shared/protocol/frame-parser.ts'
import type { ParserSnapshot } from '../src/shared/protocol/parser-snapshot.ts'
import { isValidUtf8 } from '../src/shared/protocol/utf8.ts'
import type { ConnectionCompression } from './compression.ts'
import type { ConnectionContext } from './connection-context.ts'
import type { ConnectionListener } from './connection-listener.ts'
import type { Deadlines } from './deadlines.ts'
import { countCompressed } from './message-sender.ts'
import type { Pings } from './pings.ts'
import { RateLimit, type RateLimitSnapshot } from './rate-limit.ts'

/** Why a connection is not read, as bits. */
export const Pause = {
  /** Main has not taken what was posted. */
  CREDIT: 1,
  /** The peer sends faster than `rateLimit`. */
  RATE: 2,
  /** The application works on as many messages of this connection as it may. */
  UNPROCESSED: 4,
  /** The connection moves to another shard. */
  MOVING: 8,
} as const

export interface InboundSnapshot {
  readonly parser: ParserSnapshot
  readonly rate: RateLimitSnapshot | null
  /** It is not read for its rate. Other pauses are not carried: their reasons lie with the shard. */
  readonly isThrottled: boolean
  readonly hasReachedMain: boolean
}

export interface InboundOwner {
  readonly key: ConnectionKey
  /** Takes the messages on this thread; null: main does. */
  readonly listener: ConnectionListener | null
  readonly pings: Pick<Pings, 'excuse' | 'onPing' | 'onPong'>
  /** The peer broke a rule: nothing more of it counts. */
  refuse(violation: ShardwsError): void
  onPeerClose(code: number, reason: string): void
  /** The application has more messages of this connection than it may. */
  pause(): void
  /** Main has not taken what was posted: `resume` once it has. */
  onCreditSpent(): void
}

/** The input of one connection: what of it counts, how fast, and who gets it. */
export class Inbound implements FrameSink {
  /** Main has got a message of this connection. */
  hasReachedMain = false
  readonly #owner: InboundOwner
  readonly #context: ConnectionContext
  readonly #parser: FrameParser
  readonly #compression: ConnectionCompression | null
  readonly #deadlines: Deadlines
  readonly #rate: RateLimit | null
  #socket: Duplex | null = null
  #pauses = 0
  #isClosing = false
  /** Messages do not count any more. */
  #isDeaf = false
  /** When the connection was paused, and for what since then. */
  #pausedMs = 0
  #pausedFor = 0

  constructor(
    owner: InboundOwner,
    context: ConnectionContext,
    compression: ConnectionCompression | null,
    deadlines: Deadlines,
  ) {
    const { clock, limits, memory, options } = context
    this.#owner = owner
    this.#context = context
    this.#compression = compression
    this.#deadlines = deadlines
    this.#parser = new FrameParser('server', compression === null ? limits.plain : limits.compressible, this, memory)
    this.#rate = options.rateLimit && new RateLimit(options.rateLimit, clock.now)
  }

  /** Ends its pauses as of now, so it comes before the snapshots of the deadlines and the pings. */
  snapshot(): InboundSnapshot {
    const { now } = this.#context.clock
    const isThrottled = (this.#pauses & Pause.RATE) !== 0
    if (this.isPaused) this.#endPause(now)
    return {
      parser: this.#parser.snapshot(),
      rate: this.#rate?.snapshot(now) ?? null,
      isThrottled,
      hasReachedMain: this.hasReachedMain,
    }
  }

  restore({ parser, rate, isThrottled, hasReachedMain }: InboundSnapshot): void {
    const { now } = this.#context.clock
    this.#parser.restore(parser)
    if (rate !== null) this.#rate?.restore(rate, now)
    this.hasReachedMain = hasReachedMain
    if (isThrottled) this.pause(Pause.RATE)
  }

  attach(socket: Duplex): void {
    this.#socket = socket
    if (this.isPaused) socket.pause()
  }

  get isPaused(): boolean {
    return (this.#isClosing ? this.#pauses & ~Pause.UNPROCESSED : this.#pauses) !== 0
  }

  /** What we wait for is the peer's close frame, or its end: a handler that works on and on must not hide that. */
  awaitClose(): void {
    const wasPaused = this.isPaused
    this.#isClosing = true
    this.#update(wasPaused)
  }

  push(bytes: Buffer): void {
    const { clock, counters } = this.#context
    counters.add(Counter.WIRE_BYTES_IN, bytes.length)
    this.#deadlines.heard(clock.now)
    const violation = this.#parser.push(bytes)
    if (violation !== null) this.#owner.refuse(violation)
    else this.#deadlines.messageIs(this.#parser.isUnderWay, clock.now)
  }

  /** The socket goes elsewhere, as it is. */
  detach(): void {
    this.#socket = null
    this.stop()
  }

  /** Nothing that still arrives counts. */
  stop(): void {
    this.#parser.stop()
  }

  onMessage(payload: Buffer, isBinary: boolean, isCompressed: boolean, isOwned: boolean): void {
    this.#deadlines.messageIs(false, this.#context.clock.now)
    // RFC 6455 §5.5.1: who has sent a close frame need not process more. What is past the limit is not, nor what follows it.
    this.#isDeaf ||= this.#isClosing && (this.#pauses & Pause.UNPROCESSED) !== 0
    if (this.#isDeaf) return
    const message = isCompressed ? this.#inflate(payload, isBinary) : payload
    if (message instanceof ShardwsError) this.#owner.refuse(message)
    else if (this.#rate === null || this.#isAdmitted(this.#rate, message.length)) {
      this.#deliver(message, isBinary, isOwned && !isCompressed)
    }
  }

  onPing(payload: Buffer): void {
    this.#onControl()
    this.#owner.pings.onPing(payload)
  }

  onPong(payload: Buffer): void {
    this.#onControl()
    this.#owner.pings.onPong(payload)
  }

  onClose(code: number, reason: string): void {
    this.#owner.onPeerClose(code, reason)
  }

  /** @param reason one of `Pause`. */
  pause(reason: number): void {
    const wasPaused = this.isPaused
    this.#pauses |= reason
    this.#pausedFor = wasPaused ? this.#pausedFor | reason : reason
    this.#update(wasPaused)
  }

  /** @param reason one of `Pause`; left out: whatever it was. */
  resume(reason = this.#pauses): void {
    const wasPaused = this.isPaused
    this.#pauses &= ~reason
    this.#update(wasPaused)
  }

  /** Lets a throttled peer go on when its budget has filled up, or gives up on it. */
  sweep(now: number, isOpen: boolean): void {
    if (this.#rate === null) return
    if (isOpen && this.#rate.isExhausted) this.#owner.refuse(new ShardwsError('RATE_LIMITED'))
    else if ((this.#pauses & Pause.RATE) !== 0 && this.#rate.hasRecovered(now)) this.resume(Pause.RATE)
  }

  #update(wasPaused: boolean): void {
    if (this.isPaused === wasPaused) return
    if (wasPaused) {
      this.#endPause(this.#context.clock.now)
      this.#socket?.resume()
    } else {
      this.#context.counters.add(Counter.INBOUND_PAUSES, 1)
      this.#pausedMs = this.#context.clock.now
      this.#socket?.pause()
    }
  }

  /** Nothing of the time since it began was the peer's. */
  #endPause(now: number): void {
    this.#deadlines.readAgain(now - this.#pausedMs)
    this.#owner.pings.excuse(now - this.#pausedMs)
    if ((this.#pausedFor & Pause.RATE) === 0) this.#rate?.excuse(now - this.#pausedMs, now)
    this.#pausedMs = now
  }

  #inflate(body: Buffer, isBinary: boolean): Buffer | ShardwsError {
    if (this.#compression === null) return new ShardwsError('RESERVED_BITS')
    const message = this.#compression.inflate(body, this.#context.clock.now)
    if (message instanceof ShardwsError) return message
    countCompressed(this.#context, this.#owner.key, message.length, body.length)
    // RFC 6455 §8.1; the parser could not look into it.
    return isBinary || isValidUtf8(message) ? message : new ShardwsError('INVALID_UTF8')
  }

  #isAdmitted(rate: RateLimit, bytes: number): boolean {
    const { clock, counters, link } = this.#context
    const { key } = this.#owner
    const admission = rate.admit(bytes, clock.now)
    if (admission === 'deliver') return true
    if (admission === 'pause') {
      if ((this.#pauses & Pause.RATE) === 0) {
        counters.add(Counter.RATE_PAUSES, 1)
        link.limited(key, 'rateLimit')
      }
      this.pause(Pause.RATE)
      return true
    }
    counters.add(Counter.RATE_LIMITED_MESSAGES, 1)
    const how = rate.mustTell(clock.now)
    if (how === 'error') link.failed(key, 'RATE_LIMITED', '')
    else if (how === 'log') link.limited(key, 'rateLimit')
    return false
  }

  #deliver(payload: Buffer, isBinary: boolean, isOwned: boolean): void {
    const { counters, table, clock, link, memory } = this.#context
    const { key, listener } = this.#owner
    counters.add(Counter.MESSAGES_RECEIVED, 1)
    counters.add(Counter.BYTES_RECEIVED, payload.length)
    table.countReceived(key, payload.length, clock.epochMs)
    if (listener !== null) {
      listener.received(payload, isBinary, isOwned)
      return
    }
    const mustCopy = payload.length >= APART_BYTES && !isOwned
    link.received(key, mustCopy ? memory.copyOf(payload) : payload, isBinary, isOwned || mustCopy)
    this.hasReachedMain = true
    // Main's word for it comes over the link, behind up to 2 MiB that libuv reads before it looks there.
    if (table.isHeld(key)) this.#owner.pause()
    if ((this.#pauses & Pause.CREDIT) !== 0 || link.hasCredit()) return
    this.pause(Pause.CREDIT)
    this.#owner.onCreditSpent()
  }

  /** The time of a message that follows begins with it, not with the control frame before. */
  #onControl(): void {
    if (!this.#parser.isUnderWay) this.#deadlines.messageIs(false, this.#context.clock.now)
  }
}
