import type { MessagePort } from 'node:worker_threads'
import { APART_BYTES, type BatchReader, type BatchWriter } from './batch.ts'
import type { ConnectionKey } from './connection-key.ts'
import { ShardwsError } from './errors.ts'
import { frameHeaderSize, writeFrame, writeTextFrame } from './protocol/frame-writer.ts'
import { FIN, Opcode } from './protocol/opcodes.ts'
import type { Agreement } from './protocol/permessage-deflate.ts'
import type { TakerSetup, Ticket } from './ticket.ts'

/** What a connection does when its peer reads too slowly and `maxBackpressure` is reached. */
export type SlowConsumerPolicy = 'drop' | 'close' | 'buffer'

/** How a message is to be sent, as bits. */
export const SendFlag = {
  BINARY: 1,
  /** Not to be compressed, whatever was agreed on. */
  PLAIN: 2,
} as const

/** What compression may cost a shard. */
export interface CompressionLimits {
  /** zlib's effort, 1 to 9. */
  readonly level: number
  /** zlib's memory per compressor, 1 to 9. */
  readonly memLevel: number
  readonly maxDedicatedContexts: number
  /** Of one connection. */
  readonly inflateBytesPerSecond: number
}

/** How much one peer may send. */
export interface RateLimitOptions {
  readonly messages: number
  readonly perMs: number
  /** Messages at once. */
  readonly burst: number
  /** Payload bytes, twice as many at once; 0 = unlimited. */
  readonly bytesPerSecond: number
  readonly action: 'pause' | 'drop' | 'error' | 'close'
  readonly graceMs: number
}

/** The options a shard needs. Times in milliseconds, 0 = off; sizes in bytes. */
export interface ShardOptions {
  readonly maxPayload: number
  /** As on the wire, of a compressed message. */
  readonly maxCompressedSize: number
  readonly compressThreshold: number
  readonly compression: CompressionLimits | null
  readonly maxFragments: number
  readonly maxBackpressure: number
  readonly maxShardBackpressure: number
  readonly slowConsumer: SlowConsumerPolicy
  /** Pings and pongs of one peer a second; 0 = unlimited. */
  readonly maxControlRate: number
  readonly maxPendingPongs: number
  readonly rateLimit: RateLimitOptions | null
  /** Messages of one connection, and their bytes, that the application works on. Watched by main. */
  readonly maxUnprocessedMessages: number
  readonly maxUnprocessedBytes: number
  /** Bytes outside the heap of one shard. */
  readonly maxExternalBytes: number
  readonly messageTimeoutMs: number
  readonly pingIntervalMs: number
  readonly livenessMs: number
  readonly idleTimeoutMs: number
  readonly closeTimeoutMs: number
  readonly maxLifetimeMs: number
  /** Between two beats in shared memory. */
  readonly beatMs: number
}

/** The argument of a shard's one endless task. */
export interface ShardTask {
  readonly index: number
  readonly port: MessagePort
  readonly credit: SharedArrayBuffer
  readonly counters: SharedArrayBuffer
  readonly connections: SharedArrayBuffer
  readonly taker: TakerSetup
  readonly options: ShardOptions
}

/** Posted on its own, not in a batch: a socket on its way needs a transfer list. */
export interface Adopt {
  readonly key: ConnectionKey
  /** Bytes that the client sent after its handshake and that main has read. */
  readonly head: Uint8Array | null
  /** What was agreed on compression, null for none. */
  readonly agreement: Agreement | null
  readonly ticket: Ticket
}

/** A message for many connections. */
export interface FanOut {
  /** Complete, header included. */
  readonly frame: Uint8Array | SharedArrayBuffer
  readonly payloadBytes: number
  /** Who does not get it, -1 for nobody. */
  readonly except: ConnectionKey
  /** See `SendFlag`. */
  readonly flags: number
}

/** Main → shard, imperative. */
const Command = {
  RESERVE: 1,
  SEND: 2,
  BROADCAST: 3,
  CLOSE: 4,
  TERMINATE: 5,
  PING: 6,
  PONG: 7,
  MARK_ALIVE: 8,
  NOTIFY_DRAIN: 9,
  CREDIT: 10,
  STOP: 11,
  SEND_FRAME: 12,
  CONCLUDE: 13,
  PAUSE: 14,
  RESUME: 15,
  JOIN: 16,
  LEAVE: 17,
  PUBLISH: 18,
} as const

export interface CommandHandler {
  /** Confirm that the shard is alive and will take the socket of this connection. */
  reserve(key: ConnectionKey): void
  /** `flags`: see `SendFlag`. */
  send(key: ConnectionKey, payload: Buffer, flags: number): void
  /** `frame` is complete, header included, and belongs to the receiver. */
  sendFrame(key: ConnectionKey, frame: Buffer, payloadBytes: number, flags: number): void
  /** `frame` is complete, header included. */
  broadcast(frame: Buffer, payloadBytes: number, except: ConnectionKey, flags: number): void
  close(key: ConnectionKey, code: number, reason: string): void
  terminate(key: ConnectionKey): void
  ping(key: ConnectionKey, payload: Buffer): void
  pong(key: ConnectionKey, payload: Buffer): void
  markAlive(key: ConnectionKey): void
  /** Answer with `drained` as soon as nothing is queued for this connection. */
  notifyDrain(key: ConnectionKey): void
  /** Everything main had to say to this connection before it closes has been posted. */
  conclude(key: ConnectionKey): void
  /** The application has more messages of this connection than it may: do not read it. */
  pause(key: ConnectionKey): void
  resume(key: ConnectionKey): void
  /** The connection is in this room from now on. Whoever closes leaves its rooms without being told. */
  join(key: ConnectionKey, room: string): void
  leave(key: ConnectionKey, room: string): void
  /** `broadcast` to the members of a room. */
  publish(room: string, frame: Buffer, payloadBytes: number, except: ConnectionKey, flags: number): void
  credit(): void
  /** End the task; every connection still open is destroyed. */
  stop(): void
}

export const commands = {
  reserve: (batch: BatchWriter, key: ConnectionKey): void => batch.beginWithKey(Command.RESERVE, key),
  /** Copies the payload. Returns the number of its bytes. */
  send(batch: BatchWriter, key: ConnectionKey, payload: Uint8Array | string, flags: number): number {
    const isText = typeof payload === 'string'
    // A long message is copied into the very buffer that the shard will write to the socket.
    if (payload.length * (isText ? 3 : 1) >= APART_BYTES) return sendFrame(batch, key, payload, flags)
    batch.beginWithKey(Command.SEND, key)
    batch.field(flags)
    if (isText) return batch.shortText(payload)
    batch.bytes(payload)
    return payload.length
  },
  broadcast(
    batch: BatchWriter,
    frame: Uint8Array | SharedArrayBuffer,
    payloadBytes: number,
    except: ConnectionKey,
    flags: number,
  ): void {
    batch.begin(Command.BROADCAST, payloadBytes, except, flags)
    if (frame instanceof SharedArrayBuffer) batch.whole(frame)
    else batch.bytes(frame)
  },
  close: (batch: BatchWriter, key: ConnectionKey, code: number, reason: string): void =>
    batch.begin(Command.CLOSE, key, code, reason),
  terminate: (batch: BatchWriter, key: ConnectionKey): void => batch.beginWithKey(Command.TERMINATE, key),
  ping(batch: BatchWriter, key: ConnectionKey, payload: Uint8Array): void {
    batch.beginWithKey(Command.PING, key)
    batch.bytes(payload)
  },
  pong(batch: BatchWriter, key: ConnectionKey, payload: Uint8Array): void {
    batch.beginWithKey(Command.PONG, key)
    batch.bytes(payload)
  },
  markAlive: (batch: BatchWriter, key: ConnectionKey): void => batch.beginWithKey(Command.MARK_ALIVE, key),
  notifyDrain: (batch: BatchWriter, key: ConnectionKey): void => batch.beginWithKey(Command.NOTIFY_DRAIN, key),
  conclude: (batch: BatchWriter, key: ConnectionKey): void => batch.beginWithKey(Command.CONCLUDE, key),
  pause: (batch: BatchWriter, key: ConnectionKey): void => batch.beginWithKey(Command.PAUSE, key),
  resume: (batch: BatchWriter, key: ConnectionKey): void => batch.beginWithKey(Command.RESUME, key),
  join: (batch: BatchWriter, key: ConnectionKey, room: string): void => batch.begin(Command.JOIN, key, room),
  leave: (batch: BatchWriter, key: ConnectionKey, room: string): void => batch.begin(Command.LEAVE, key, room),
  publish(batch: BatchWriter, room: string, { frame, payloadBytes, except, flags }: FanOut): void {
    batch.begin(Command.PUBLISH, room, payloadBytes, except, flags)
    if (frame instanceof SharedArrayBuffer) batch.whole(frame)
    else batch.bytes(frame)
  },
  credit: (batch: BatchWriter): void => batch.begin(Command.CREDIT),
  stop: (batch: BatchWriter): void => batch.begin(Command.STOP),
}

function sendFrame(batch: BatchWriter, key: ConnectionKey, payload: Uint8Array | string, flags: number): number {
  const firstByte = FIN | ((flags & SendFlag.BINARY) === 0 ? Opcode.TEXT : Opcode.BINARY)
  const isText = typeof payload === 'string'
  const payloadBytes = isText ? Buffer.byteLength(payload) : payload.length
  const frame = Buffer.allocUnsafeSlow(frameHeaderSize(payloadBytes) + payloadBytes)
  if (isText) writeTextFrame(frame, 0, firstByte, payload, payloadBytes)
  else writeFrame(frame, 0, firstByte, payload)
  batch.begin(Command.SEND_FRAME, key, payloadBytes, flags)
  batch.whole(frame.buffer as ArrayBuffer)
  return payloadBytes
}

export function dispatchCommands(batch: BatchReader, handler: CommandHandler): void {
  while (!batch.isDone) dispatchCommand(batch, handler)
}

function dispatchCommand(batch: BatchReader, handler: CommandHandler): void {
  const tag = batch.number()
  switch (tag) {
    case Command.RESERVE:
      return handler.reserve(batch.number())
    case Command.SEND: {
      const key = batch.number()
      const flags = batch.number()
      return handler.send(key, batch.bytes(), flags)
    }
    case Command.SEND_FRAME: {
      const key = batch.number()
      const payloadBytes = batch.number()
      const flags = batch.number()
      return handler.sendFrame(key, batch.bytes(), payloadBytes, flags)
    }
    case Command.BROADCAST: {
      const payloadBytes = batch.number()
      const except = batch.number()
      const flags = batch.number()
      return handler.broadcast(batch.bytes(), payloadBytes, except, flags)
    }
    case Command.CLOSE:
      return handler.close(batch.number(), batch.number(), batch.string())
    case Command.TERMINATE:
      return handler.terminate(batch.number())
    case Command.PING:
      return handler.ping(batch.number(), batch.bytes())
    case Command.PONG:
      return handler.pong(batch.number(), batch.bytes())
    case Command.MARK_ALIVE:
      return handler.markAlive(batch.number())
    case Command.NOTIFY_DRAIN:
      return handler.notifyDrain(batch.number())
    case Command.CONCLUDE:
      return handler.conclude(batch.number())
    case Command.PAUSE:
      return handler.pause(batch.number())
    case Command.RESUME:
      return handler.resume(batch.number())
    case Command.JOIN:
      return handler.join(batch.number(), batch.string())
    case Command.LEAVE:
      return handler.leave(batch.number(), batch.string())
    case Command.PUBLISH: {
      const room = batch.string()
      const payloadBytes = batch.number()
      const except = batch.number()
      const flags = batch.number()
      return handler.publish(room, batch.bytes(), payloadBytes, except, flags)
    }
    case Command.CREDIT:
      return handler.credit()
    case Command.STOP:
      return handler.stop()
    default:
      throw new ShardwsError('UNKNOWN_MESSAGE', `unknown command ${tag}`)
  }
}

/** Shard → main, past tense. */
const Event = {
  READY: 1,
  RESERVED: 2,
  RECEIVED: 3,
  DRAINED: 4,
  DROPPED: 5,
  FAILED: 6,
  CLOSED: 7,
  FINISHED: 8,
  CREDIT: 9,
  LIMITED: 10,
} as const

export interface EventHandler {
  ready(): void
  reserved(key: ConnectionKey): void
  /** `payload` belongs to the receiver; it is a view on the whole batch. */
  received(key: ConnectionKey, payload: Buffer, isBinary: boolean): void
  /** Nothing is queued any more, after `notifyDrain` or `dropped`. */
  drained(key: ConnectionKey): void
  /** `slowConsumer: 'drop'` has begun to refuse messages for this connection. */
  dropped(key: ConnectionKey): void
  /** The last message of this peer was posted; the shard waits for `conclude` before it closes. */
  finished(key: ConnectionKey): void
  /** The connection has reached the limit that this option sets; what follows from it is told apart. */
  limited(key: ConnectionKey, option: string): void
  /** An error of this connection; if it ends it, CLOSED follows. `code` is an ErrorCode, `cause` for people. */
  failed(key: ConnectionKey, code: string, cause: string): void
  /** The last event of a connection, also of one whose socket never arrived. */
  closed(key: ConnectionKey, code: number, reason: string): void
  credit(): void
}

export const events = {
  ready: (batch: BatchWriter): void => batch.begin(Event.READY),
  reserved: (batch: BatchWriter, key: ConnectionKey): void => batch.beginWithKey(Event.RESERVED, key),
  /** `isOwned`: nothing else refers to the payload's memory, so it may change threads with it. */
  received(batch: BatchWriter, key: ConnectionKey, payload: Uint8Array, isBinary: boolean, isOwned: boolean): void {
    batch.beginWithKey(Event.RECEIVED, key)
    batch.field(isBinary)
    if (isOwned) batch.owned(payload)
    else batch.bytes(payload)
  },
  drained: (batch: BatchWriter, key: ConnectionKey): void => batch.beginWithKey(Event.DRAINED, key),
  dropped: (batch: BatchWriter, key: ConnectionKey): void => batch.beginWithKey(Event.DROPPED, key),
  failed: (batch: BatchWriter, key: ConnectionKey, code: string, cause: string): void =>
    batch.begin(Event.FAILED, key, code, cause),
  finished: (batch: BatchWriter, key: ConnectionKey): void => batch.beginWithKey(Event.FINISHED, key),
  limited: (batch: BatchWriter, key: ConnectionKey, option: string): void => batch.begin(Event.LIMITED, key, option),
  closed: (batch: BatchWriter, key: ConnectionKey, code: number, reason: string): void =>
    batch.begin(Event.CLOSED, key, code, reason),
  credit: (batch: BatchWriter): void => batch.begin(Event.CREDIT),
}

export function dispatchEvents(batch: BatchReader, handler: EventHandler): void {
  while (!batch.isDone) dispatchEvent(batch, handler)
}

function dispatchEvent(batch: BatchReader, handler: EventHandler): void {
  const tag = batch.number()
  switch (tag) {
    case Event.READY:
      return handler.ready()
    case Event.RESERVED:
      return handler.reserved(batch.number())
    case Event.RECEIVED: {
      const key = batch.number()
      const isBinary = batch.boolean()
      return handler.received(key, batch.bytes(), isBinary)
    }
    case Event.DRAINED:
      return handler.drained(batch.number())
    case Event.DROPPED:
      return handler.dropped(batch.number())
    case Event.LIMITED:
      return handler.limited(batch.number(), batch.string())
    case Event.FAILED:
      return handler.failed(batch.number(), batch.string(), batch.string())
    case Event.CLOSED:
      return handler.closed(batch.number(), batch.number(), batch.string())
    case Event.FINISHED:
      return handler.finished(batch.number())
    case Event.CREDIT:
      return handler.credit()
    default:
      throw new ShardwsError('UNKNOWN_MESSAGE', `unknown event ${tag}`)
  }
}
