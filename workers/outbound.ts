import type { Duplex } from 'node:stream'
import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { ReadyState } from '../src/shared/connection-table.ts'
import { Counter } from '../src/shared/counters.ts'
import { FIN, Opcode } from '../src/shared/protocol/opcodes.ts'
import type { ConnectionCompression } from './compression.ts'
import type { ConnectionContext } from './connection-context.ts'
import type { ConnectionListener } from './connection-listener.ts'
import { MessageSender } from './message-sender.ts'
import { type QueueOwner, SendQueue } from './send-queue.ts'
import type { SharedMessage } from './shared-message.ts'

const PING_FRAME = FIN | Opcode.PING
const PONG_FRAME = FIN | Opcode.PONG

export interface OutboundSnapshot {
  /** Frames that the socket has not been given, in order. */
  readonly unsent: Uint8Array
  readonly mainWaits: boolean
  readonly listenerWaits: boolean
}

export interface OutboundOwner {
  readonly key: ConnectionKey
  readonly readyState: ReadyState
  readonly listener: ConnectionListener | null
  /** The peer reads too slowly for `slowConsumer: 'close'`. */
  onSlow(): void
  /** The queue has begun or ceased to wait for the kernel: a pong that was left out may be sent now. */
  onQueueMoved(): void
}

/** The output of one connection: what of it is admitted to the queue, and who hears when that is empty again. */
export class Outbound implements QueueOwner {
  readonly #owner: OutboundOwner
  readonly #context: ConnectionContext
  readonly #queue: SendQueue
  readonly #sender: MessageSender
  /** Main waits for the queue to become empty. */
  #mainWaits = false
  /** So does the listener. */
  #listenerWaits = false
  /** When the write that the kernel does not take was made. */
  #blockedMs = 0

  constructor(owner: OutboundOwner, context: ConnectionContext, compression: ConnectionCompression | null) {
    this.#owner = owner
    this.#context = context
    this.#queue = new SendQueue(context.outbox, this)
    this.#sender = new MessageSender(owner.key, context, this.#queue, compression)
  }

  get bufferedBytes(): number {
    return this.#queue.bufferedBytes
  }

  get isBlocked(): boolean {
    return this.#queue.isBlocked
  }

  /** Whether the queue waits for the kernel, and not for the end of a tick or of a move. */
  get isRefused(): boolean {
    return this.#queue.isRefused
  }

  /** The kernel has taken nothing since before the latest sweep. */
  get isStuck(): boolean {
    return this.#queue.isRefused && this.#blockedMs < this.#context.clock.now
  }

  /** See `SendQueue.hasAdvanced`. */
  hasAdvanced(): boolean {
    return this.#queue.hasAdvanced()
  }

  /** While the kernel has taken all that it was given. */
  snapshot(): OutboundSnapshot {
    return { unsent: this.#queue.unsent(), mainWaits: this.#mainWaits, listenerWaits: this.#listenerWaits }
  }

  /** To be called before anything is sent. */
  restore({ unsent, mainWaits, listenerWaits }: OutboundSnapshot): void {
    this.#mainWaits = mainWaits
    this.#listenerWaits = listenerWaits
    if (unsent.length === 0) return
    this.#queue.appendShared(Buffer.from(unsent.buffer, unsent.byteOffset, unsent.length))
    this.#context.table.setQueuedBytes(this.#owner.key, this.bufferedBytes)
  }

  attach(socket: Duplex): void {
    this.#queue.attach(socket)
  }

  /** The socket goes elsewhere, as it is. */
  detach(): void {
    this.#queue.detach()
    this.#mainWaits = false
    this.#listenerWaits = false
    this.#context.table.setQueuedBytes(this.#owner.key, 0)
  }

  /** A message of main's, which has admitted it. */
  send(payload: Uint8Array, flags: number): void {
    if (this.#takes(payload.length)) this.#sender.send(payload, flags)
  }

  /** A long message of main's, as a complete frame. */
  sendFrame(frame: Buffer, payloadBytes: number, flags: number): void {
    if (this.#takes(payloadBytes)) this.#sender.sendFrame(frame, payloadBytes, flags)
  }

  /** A message of another shard's handler. */
  relay(payload: Uint8Array, flags: number): void {
    if (this.#admits(payload.length)) this.#sender.send(payload, flags)
  }

  relayFrame(frame: Buffer, payloadBytes: number, flags: number): void {
    if (this.#admits(payloadBytes)) this.#sender.sendFrame(frame, payloadBytes, flags)
  }

  /** A message that other connections get too; it is dropped if this one is too slow. */
  sendShared(message: SharedMessage): void {
    if (this.#admits(message.frame.length)) this.#sender.sendShared(message)
  }

  /** A message of a handler on this thread, which learns at once what main learns from shared memory: see `Socket.send`. */
  offer(message: string | Uint8Array, flags: number): boolean {
    if (this.#owner.readyState !== ReadyState.OPEN) return false
    const isOver = this.#queue.isBlocked && !this.#sender.hasRoom(message.length)
    if (isOver && !this.#admitsOver()) return false
    if (typeof message === 'string') this.#sender.sendText(message, flags)
    else this.#sender.send(message, flags)
    return !isOver
  }

  ping(payload: Uint8Array): boolean {
    return this.#sendIfRoom(PING_FRAME, payload)
  }

  pong(payload: Uint8Array): void {
    this.#sendIfRoom(PONG_FRAME, payload)
  }

  /** Whatever is queued already. */
  sendControl(firstByte: number, payload: Uint8Array): void {
    this.#sender.sendControl(firstByte, payload)
  }

  notifyDrain(): void {
    if (this.#queue.isBlocked) this.#mainWaits = true
    else this.#context.link.drained(this.#owner.key)
  }

  /** See `SendQueue.hold`. */
  hold(onIdle: () => void): void {
    this.#queue.hold(onIdle)
  }

  resume(): void {
    this.#queue.resume()
  }

  discard(): void {
    this.#queue.discard()
  }

  /** Half-closes the socket once everything queued has been written. */
  end(): void {
    this.#queue.end()
  }

  /** The socket is gone. */
  release(): void {
    this.#queue.release()
    this.#context.table.setQueuedBytes(this.#owner.key, 0)
  }

  onBlocked(): void {
    this.#blockedMs = this.#context.clock.now
    this.#owner.onQueueMoved()
    this.#context.table.setQueuedBytes(this.#owner.key, this.bufferedBytes)
  }

  onDrained(): void {
    const { key, listener } = this.#owner
    this.#context.table.setQueuedBytes(key, 0)
    this.#owner.onQueueMoved()
    if (this.#mainWaits) {
      this.#mainWaits = false
      this.#context.link.drained(key)
    }
    if (!this.#listenerWaits) return
    this.#listenerWaits = false
    listener?.drained()
  }

  /** Whether a message of the handler is queued although the queue is full. */
  #admitsOver(): boolean {
    const { counters, link, options } = this.#context
    if (options.slowConsumer === 'close') {
      this.#owner.onSlow()
      return false
    }
    if (!this.#listenerWaits) link.limited(this.#owner.key, 'maxBackpressure')
    this.#listenerWaits = true
    if (options.slowConsumer === 'buffer') return true
    counters.add(Counter.REFUSED_BY_BACKPRESSURE, 1)
    return false
  }

  /** RFC 6455 §5.5.3: only the latest of several pings needs its pong, so a peer that does not read gets no more. */
  #sendIfRoom(firstByte: number, payload: Uint8Array): boolean {
    if (this.#owner.readyState !== ReadyState.OPEN) return false
    if (this.bufferedBytes > this.#context.options.maxBackpressure) {
      this.#context.counters.add(Counter.DROPPED_CONTROLS, 1)
      return false
    }
    this.#sender.sendControl(firstByte, payload)
    return true
  }

  /** Main has said that this message will be written: of the policies only 'close' may still break that. */
  #takes(payloadBytes: number): boolean {
    const { options, table } = this.#context
    table.addTaken(this.#owner.key, payloadBytes)
    if (this.#owner.readyState !== ReadyState.OPEN) return false
    return options.slowConsumer === 'close' ? this.#admits(payloadBytes) : true
  }

  #admits(bytes: number): boolean {
    if (this.#owner.readyState !== ReadyState.OPEN) return false
    const { counters, link, options } = this.#context
    if (options.slowConsumer === 'buffer' || this.#sender.hasRoom(bytes)) return true
    // Of what this tick has queued the kernel has not been asked yet; nor would a drain follow.
    this.#queue.write()
    if (this.#sender.hasRoom(bytes)) return true
    if (options.slowConsumer === 'close') {
      this.#owner.onSlow()
      return false
    }
    counters.add(Counter.DROPPED_MESSAGES, 1)
    counters.add(Counter.DROPPED_BYTES, bytes)
    this.#listenerWaits = this.#owner.listener !== null
    if (!this.#mainWaits) {
      this.#mainWaits = true
      link.dropped(this.#owner.key)
    }
    return false
  }
}
