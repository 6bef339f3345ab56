import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { Counter } from '../src/shared/counters.ts'
import { SendFlag } from '../src/shared/messages.ts'
import { frameHeaderSize } from '../src/shared/protocol/frame-writer.ts'
import { FIN, Opcode, RSV1 } from '../src/shared/protocol/opcodes.ts'
import type { ConnectionCompression } from './compression.ts'
import type { ConnectionContext } from './connection-context.ts'
import type { SendQueue } from './send-queue.ts'
import type { SharedMessage } from './shared-message.ts'

/** The messages that a connection sends: whether there is room for them, compressed or not, counted. */
export class MessageSender {
  readonly #key: ConnectionKey
  readonly #context: ConnectionContext
  readonly #queue: SendQueue
  readonly #compression: ConnectionCompression | null

  constructor(
    key: ConnectionKey,
    context: ConnectionContext,
    queue: SendQueue,
    compression: ConnectionCompression | null,
  ) {
    this.#key = key
    this.#context = context
    this.#queue = queue
    this.#compression = compression
  }

  /** A message is always admitted to an empty queue, however large it is. */
  hasRoom(bytes: number): boolean {
    const buffered = this.#queue.bufferedBytes
    return buffered === 0 || buffered + bytes <= this.#context.options.maxBackpressure
  }

  /** Copies `payload`. */
  send(payload: Uint8Array, flags: number): void {
    const opcode = opcodeOf(flags)
    this.#count(payload.length)
    if (!this.#sendCompressed(opcode, payload, flags)) this.#append(FIN | opcode, payload)
    this.#onQueued()
  }

  sendText(text: string, flags: number): void {
    const { compressThreshold } = this.#context.options
    // UTF-8 needs at least one byte per UTF-16 unit, and most texts no more.
    if (this.#compression !== null && text.length * 3 >= compressThreshold) return this.send(Buffer.from(text), flags)
    const bytes = Buffer.byteLength(text)
    this.#count(bytes)
    this.#queue.appendText(FIN | opcodeOf(flags), text, bytes)
    this.#onQueued()
  }

  /** `frame` is complete, header included, not copied, and taken over with all of its memory. */
  sendFrame(frame: Buffer, payloadBytes: number, flags: number): void {
    this.#count(payloadBytes)
    const payload = frame.subarray(frame.length - payloadBytes)
    if (!this.#sendCompressed(opcodeOf(flags), payload, flags)) this.#queue.appendOwn(frame)
    this.#onQueued()
  }

  sendShared(message: SharedMessage): void {
    this.#count(message.payloadBytes)
    const compressed = this.#compression === null ? null : message.compressedFor(this.#compression.agreement)
    if (compressed === null) {
      this.#queue.appendShared(message.frame)
    } else {
      this.#compression?.forgetSent()
      countCompressed(this.#context, this.#key, message.payloadBytes, compressed.bodyBytes)
      this.#queue.appendShared(compressed.frame)
    }
    this.#onQueued()
  }

  /** Ping, pong and close frames have at most 125 bytes and are not counted as messages. */
  sendControl(firstByte: number, payload: Uint8Array): void {
    this.#append(firstByte, payload)
    this.#onQueued()
  }

  #sendCompressed(opcode: Opcode, payload: Uint8Array, flags: number): boolean {
    const compression = this.#compression
    if (compression === null || payload.length < this.#context.options.compressThreshold) return false
    if ((flags & SendFlag.PLAIN) !== 0) return false
    const body = compression.deflate(payload)
    if (body === null) return false
    countCompressed(this.#context, this.#key, payload.length, body.length)
    this.#append(FIN | RSV1 | opcode, body)
    return true
  }

  #append(firstByte: number, payload: Uint8Array): void {
    this.#queue.append(firstByte, payload, frameHeaderSize(payload.length) + payload.length)
  }

  #count(payloadBytes: number): void {
    const { counters, table } = this.#context
    counters.add(Counter.MESSAGES_SENT, 1)
    counters.add(Counter.BYTES_SENT, payloadBytes)
    table.countSent(this.#key, payloadBytes)
  }

  #onQueued(): void {
    if (!this.#queue.isBlocked) return
    const { options, outbox, table } = this.#context
    table.setQueuedBytes(this.#key, this.#queue.bufferedBytes)
    if (outbox.heldBytes > options.maxShardBackpressure) this.#context.relieve()
  }
}

function opcodeOf(flags: number): Opcode {
  return (flags & SendFlag.BINARY) === 0 ? Opcode.TEXT : Opcode.BINARY
}

/** A message in either direction, in bytes before and after. */
export function countCompressed(
  { counters, table }: ConnectionContext,
  key: ConnectionKey,
  before: number,
  after: number,
): void {
  counters.add(Counter.COMPRESSIBLE_BYTES, before)
  counters.add(Counter.COMPRESSED_BYTES, after)
  table.countCompressed(key, before, after)
}
