import { APART_BYTES, type BatchReader, type BatchWriter } from './batch.ts'
import type { ConnectionKey } from './connection-key.ts'
import { ShardwsError } from './errors.ts'
import { type ComputeAnswer, type FanOut, type Moving, type ReceivedFanOut, SendFlag } from './messages.ts'
import { frameHeaderSize, writeFrame, writeTextFrame } from './protocol/frame-writer.ts'
import { FIN, Opcode } from './protocol/opcodes.ts'
import { reusableSize } from './protocol/spare-memory.ts'

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
  WATCH: 19,
  SET_STATE: 20,
  DELETE_STATE: 21,
  ADMIT: 22,
  LOAD: 23,
  JUDGE: 24,
  PREPARE: 25,
  MOVING: 26,
  DEPARTED: 27,
  START: 28,
  MOVED: 29,
  CANCEL: 30,
  COMPUTED: 31,
  ANSWER: 32,
  DISMISS: 33,
  ALLOW_CONTEXTS: 34,
  DISCARD: 35,
  LEND: 36,
  RESTORE: 37,
} as const

export interface CommandHandler {
  /** Confirm that the shard is alive and will take the socket of this connection; `module` will handle it, -1: main will. */
  reserve(key: ConnectionKey, module: number): void
  /** `flags`: see `SendFlag`. */
  send(key: ConnectionKey, payload: Buffer, flags: number): void
  /** `frame` is complete, header included, and belongs to the receiver with all of its memory. */
  sendFrame(key: ConnectionKey, frame: Buffer, payloadBytes: number, flags: number): void
  broadcast(fanOut: ReceivedFanOut): void
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
  /** `broadcast` to the members of these rooms, to each once. */
  publish(rooms: readonly string[], fanOut: ReceivedFanOut): void
  /** Tell main of this connection's pings and pongs. */
  watch(key: ConnectionKey): void
  /** `value` as of `encodeValue`. */
  setState(key: string, value: Buffer): void
  deleteState(key: string): void
  /** Main's middleware has let this connection in; `user` as of `encodeValue`. */
  admit(key: ConnectionKey, user: Buffer): void
  /** This comes back to the connection, a `SessionState` as of `encodeValue`; `admit` follows. */
  restore(key: ConnectionKey, state: Buffer): void
  /** Load a handler module and answer with `loaded`. */
  load(module: number, url: string): void
  /** Ask this module's `upgrade` about a request, its `RequestFields` as of `encodeValue`, and answer with `judged`. */
  judge(key: ConnectionKey, module: number, request: Buffer): void
  /** Get these connections ready to move to that shard, and answer with `prepared`: those that need no more than a moment, or if `isPatient` a while. */
  prepare(move: number, to: number, isPatient: boolean, keys: readonly ConnectionKey[]): void
  /** What the sender sends to these connections, and to audiences, goes to the shard `to` from now on. */
  moving(move: Moving): void
  /** From the shard that the connections leave to the one they move to: whoever is to arrive has been sent. */
  departed(move: number): void
  /** Main has heard everything that the former shard had to tell: read the connections that have arrived. */
  start(move: number): void
  /** Everybody who is to arrive has: the connection table and the interest in rooms tell the truth again. */
  moved(move: number): void
  /** The shard that these connections were to move to is gone. */
  cancel(move: number): void
  /** Answers `compute`: `code` is an ErrorCode or '', `result` as of `encodeValue` or, if it has failed, of `encodeError`. */
  computed(request: number, hasFailed: boolean, code: string, result: Buffer): void
  /** Refuse who has knocked with this complete answer. */
  answer(visit: number, answer: Buffer): void
  /** Destroy the socket of who has knocked. */
  dismiss(visit: number): void
  /** Whether messages may be sent from compression contexts that are new. */
  allowContexts(isAllowed: boolean): void
  /** The process is short of memory: close those with the longest queues, until these held so many bytes. */
  discard(bytes: number): void
  /** These are for connections that the shard lets in without main's word. */
  lend(keys: readonly ConnectionKey[]): void
  credit(): void
  /** End the task; every connection still open is destroyed. */
  stop(): void
}

/** What is done to one connection, as a handler may do it from another shard. */
export type ConnectionCommand = 'close' | 'terminate' | 'ping' | 'pong' | 'markAlive' | 'join' | 'leave'

export const commands = {
  reserve(batch: BatchWriter, key: ConnectionKey, module: number): void {
    batch.beginWithKey(Command.RESERVE, key)
    batch.field(module)
  },
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
  broadcast(batch: BatchWriter, fanOut: FanOut): void {
    batch.begin(Command.BROADCAST)
    writeFanOut(batch, fanOut)
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
  publish(batch: BatchWriter, rooms: readonly string[], fanOut: FanOut): void {
    batch.begin(Command.PUBLISH)
    writeList(batch, rooms)
    writeFanOut(batch, fanOut)
  },
  watch: (batch: BatchWriter, key: ConnectionKey): void => batch.beginWithKey(Command.WATCH, key),
  setState(batch: BatchWriter, key: string, value: Uint8Array): void {
    batch.begin(Command.SET_STATE, key)
    batch.bytes(value)
  },
  deleteState: (batch: BatchWriter, key: string): void => batch.begin(Command.DELETE_STATE, key),
  admit(batch: BatchWriter, key: ConnectionKey, user: Uint8Array): void {
    batch.beginWithKey(Command.ADMIT, key)
    batch.bytes(user)
  },
  restore(batch: BatchWriter, key: ConnectionKey, state: Uint8Array): void {
    batch.beginWithKey(Command.RESTORE, key)
    batch.bytes(state)
  },
  load: (batch: BatchWriter, module: number, url: string): void => batch.begin(Command.LOAD, module, url),
  prepare(batch: BatchWriter, move: number, to: number, isPatient: boolean, keys: readonly ConnectionKey[]): void {
    batch.begin(Command.PREPARE, move, to, isPatient)
    writeList(batch, keys)
  },
  moving(batch: BatchWriter, { move, from, to, keys }: Moving): void {
    batch.begin(Command.MOVING, move, from, to)
    writeList(batch, keys)
  },
  departed: (batch: BatchWriter, move: number): void => batch.begin(Command.DEPARTED, move),
  start: (batch: BatchWriter, move: number): void => batch.begin(Command.START, move),
  moved: (batch: BatchWriter, move: number): void => batch.begin(Command.MOVED, move),
  cancel: (batch: BatchWriter, move: number): void => batch.begin(Command.CANCEL, move),
  computed(batch: BatchWriter, request: number, { hasFailed, code, result }: ComputeAnswer): void {
    batch.begin(Command.COMPUTED, request, hasFailed, code)
    batch.bytes(result)
  },
  answer(batch: BatchWriter, visit: number, answer: Uint8Array): void {
    batch.begin(Command.ANSWER, visit)
    batch.bytes(answer)
  },
  lend(batch: BatchWriter, keys: readonly ConnectionKey[]): void {
    batch.begin(Command.LEND)
    writeList(batch, keys)
  },
  dismiss: (batch: BatchWriter, visit: number): void => batch.begin(Command.DISMISS, visit),
  judge(batch: BatchWriter, key: ConnectionKey, module: number, request: Uint8Array): void {
    batch.begin(Command.JUDGE, key, module)
    batch.bytes(request)
  },
  allowContexts: (batch: BatchWriter, isAllowed: boolean): void => batch.begin(Command.ALLOW_CONTEXTS, isAllowed),
  discard: (batch: BatchWriter, bytes: number): void => batch.begin(Command.DISCARD, bytes),
  credit: (batch: BatchWriter): void => batch.begin(Command.CREDIT),
  stop: (batch: BatchWriter): void => batch.begin(Command.STOP),
}

function writeFanOut(batch: BatchWriter, { frame, payloadBytes, excluded, flags }: FanOut): void {
  batch.field(payloadBytes)
  batch.field(flags)
  writeList(batch, excluded.keys)
  writeList(batch, excluded.rooms)
  if (frame instanceof SharedArrayBuffer) batch.whole(frame)
  else batch.bytes(frame)
}

function readFanOut(batch: BatchReader): ReceivedFanOut {
  const payloadBytes = batch.number()
  const flags = batch.number()
  const keys = readKeys(batch)
  const rooms = readList(batch, () => batch.string())
  return { payloadBytes, flags, excluded: { keys, rooms }, frame: batch.bytes() }
}

function writeList(batch: BatchWriter, values: readonly (number | string)[]): void {
  batch.field(values.length)
  for (const value of values) batch.field(value)
}

function readKeys(batch: BatchReader): readonly ConnectionKey[] {
  return readList(batch, () => batch.number())
}

function readList<Value>(batch: BatchReader, read: () => Value): readonly Value[] {
  return Array.from({ length: batch.number() }, read)
}

function sendFrame(batch: BatchWriter, key: ConnectionKey, payload: Uint8Array | string, flags: number): number {
  const firstByte = FIN | ((flags & SendFlag.BINARY) === 0 ? Opcode.TEXT : Opcode.BINARY)
  const isText = typeof payload === 'string'
  const payloadBytes = isText ? Buffer.byteLength(payload) : payload.length
  const frameBytes = frameHeaderSize(payloadBytes) + payloadBytes
  const frame = Buffer.allocUnsafeSlow(reusableSize(frameBytes)).subarray(0, frameBytes)
  if (isText) writeTextFrame(frame, 0, firstByte, payload, payloadBytes)
  else writeFrame(frame, 0, firstByte, payload)
  batch.begin(Command.SEND_FRAME, key, payloadBytes, flags)
  batch.owned(frame)
  return payloadBytes
}

export function dispatchCommands(batch: BatchReader, handler: CommandHandler): void {
  while (!batch.isDone) dispatchCommand(batch, handler)
}

function dispatchCommand(batch: BatchReader, handler: CommandHandler): void {
  const tag = batch.number()
  switch (tag) {
    case Command.RESERVE:
      return handler.reserve(batch.number(), batch.number())
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
    case Command.BROADCAST:
      return handler.broadcast(readFanOut(batch))
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
      const rooms = readList(batch, () => batch.string())
      return handler.publish(rooms, readFanOut(batch))
    }
    case Command.WATCH:
      return handler.watch(batch.number())
    case Command.SET_STATE:
      return handler.setState(batch.string(), batch.bytes())
    case Command.DELETE_STATE:
      return handler.deleteState(batch.string())
    case Command.ADMIT:
      return handler.admit(batch.number(), batch.bytes())
    case Command.LOAD:
      return handler.load(batch.number(), batch.string())
    case Command.JUDGE: {
      const key = batch.number()
      const module = batch.number()
      return handler.judge(key, module, batch.bytes())
    }
    case Command.COMPUTED: {
      const request = batch.number()
      const hasFailed = batch.boolean()
      const code = batch.string()
      return handler.computed(request, hasFailed, code, batch.bytes())
    }
    case Command.ALLOW_CONTEXTS:
      return handler.allowContexts(batch.boolean())
    case Command.DISCARD:
      return handler.discard(batch.number())
    case Command.CREDIT:
      return handler.credit()
    case Command.STOP:
      return handler.stop()
    default:
      return dispatchMove(tag, batch, handler)
  }
}

function dispatchMove(tag: number, batch: BatchReader, handler: CommandHandler): void {
  switch (tag) {
    case Command.PREPARE: {
      const move = batch.number()
      const to = batch.number()
      const isPatient = batch.boolean()
      return handler.prepare(move, to, isPatient, readKeys(batch))
    }
    case Command.MOVING: {
      const move = batch.number()
      const from = batch.number()
      const to = batch.number()
      return handler.moving({ move, from, to, keys: readKeys(batch) })
    }
    case Command.DEPARTED:
      return handler.departed(batch.number())
    case Command.START:
      return handler.start(batch.number())
    case Command.MOVED:
      return handler.moved(batch.number())
    case Command.CANCEL:
      return handler.cancel(batch.number())
    default:
      return dispatchAnswer(tag, batch, handler)
  }
}

function dispatchAnswer(tag: number, batch: BatchReader, handler: CommandHandler): void {
  switch (tag) {
    case Command.ANSWER:
      return handler.answer(batch.number(), batch.bytes())
    case Command.RESTORE:
      return handler.restore(batch.number(), batch.bytes())
    case Command.DISMISS:
      return handler.dismiss(batch.number())
    case Command.LEND:
      return handler.lend(readKeys(batch))
    default:
      throw new ShardwsError('UNKNOWN_MESSAGE', `unknown command ${tag}`)
  }
}
