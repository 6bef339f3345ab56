import type { BatchReader, BatchWriter } from './batch.ts'
import type { ConnectionKey } from './connection-key.ts'
import { ShardwsError } from './errors.ts'

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
  PINGED: 11,
  PONGED: 12,
  JOINED: 13,
  LEFT: 14,
  POSTED: 15,
  THREW: 16,
  LOADED: 17,
  JUDGED: 18,
  IDENTIFIED: 19,
  SENT_TO_USER: 20,
  PREPARED: 21,
  MOVED_OUT: 22,
  ARRIVED: 23,
  FALTERED: 24,
  COMPUTE: 25,
  KNOCKED: 26,
  WITHDREW: 27,
  TURNED_AWAY: 28,
  ADMITTED: 29,
  LISTENER_FAILED: 30,
  KEPT: 31,
} as const

export interface EventHandler {
  ready(): void
  /** `mustJudge`: the module has an `upgrade` that wants to be asked first. */
  reserved(key: ConnectionKey, mustJudge: boolean): void
  /** `payload` belongs to the receiver; it is a view on the whole batch. */
  received(key: ConnectionKey, payload: Buffer, isBinary: boolean): void
  /** Nothing is queued any more, after `notifyDrain` or `dropped`. */
  drained(key: ConnectionKey): void
  /** `slowConsumer: 'drop'` has begun to refuse messages for this connection. */
  dropped(key: ConnectionKey): void
  /** After `watch` or an `Adopt` that asks for it: the peer has sent a ping or a pong. */
  pinged(key: ConnectionKey, payload: Buffer): void
  ponged(key: ConnectionKey, payload: Buffer): void
  /** The last message of this peer was posted; the shard waits for `conclude` before it closes. */
  finished(key: ConnectionKey): void
  /** The connection has reached the limit that this option sets; what follows from it is told apart. */
  limited(key: ConnectionKey, option: string): void
  /** An error of this connection; if it ends it, CLOSED follows. `code` is an ErrorCode, `cause` for people. */
  failed(key: ConnectionKey, code: string, cause: string): void
  /** The last event of a connection, also of one whose socket never arrived. */
  closed(key: ConnectionKey, code: number, reason: string): void
  /** A connection that its shard handles has joined a room, or left it other than by closing. */
  joined(key: ConnectionKey, room: string): void
  left(key: ConnectionKey, room: string): void
  /** A handler says which user is at the other end of a connection; null: nobody any more. */
  identified(id: string, userId: string | null): void
  /** A handler has something for all devices of a user. `flags`: see `SendFlag`. */
  sentToUser(userId: string, payload: Buffer, flags: number): void
  /** A value for the application, as of `encodeValue`. */
  posted(value: Buffer): void
  /** A handler in the shard has failed on this connection, -1 for none; `error` as of `encodeValue`. */
  threw(key: ConnectionKey, error: Buffer): void
  /** So has a listener of errors, which hears of no more of them. */
  listenerFailed(error: Buffer): void
  /** After `load`; `error` as of `encodeValue`, empty if there is none. */
  loaded(module: number, error: Buffer): void
  /** After `judge`; `verdict` as of `encodeValue`. */
  judged(key: ConnectionKey, verdict: Buffer): void
  /** After `prepare`: these connections can move. */
  prepared(move: number, keys: readonly ConnectionKey[]): void
  /** The last of what this shard has to tell of the connections of a move, but for those that stayed: they are about to end. */
  movedOut(move: number, stayed: readonly ConnectionKey[]): void
  /** Whoever is to arrive has. */
  arrived(move: number): void
  /** This shard is not to be trusted any more: its connections had better move. `cause` as of `encodeError`. */
  faltered(cause: Buffer): void
  /** A handler wants this task computed, as of `encodeValue`; `computed` answers. */
  compute(request: number, task: Buffer): void
  /** A client of whom nothing was read before has sent its request: a `Knock` as of `encodeValue`. */
  knocked(visit: number, knock: Buffer): void
  /** That client is gone; nothing is to be decided any more. */
  withdrew(visit: number): void
  /** A client was refused or lost before its request was complete. `code` is an ErrorCode, `why` for people. */
  turnedAway(code: string, why: string): void
  /** The shard has let a client in without main's word: an `Admitted` as of `encodeValue`. */
  admitted(key: ConnectionKey, admitted: Buffer): void
  /** What the session of a connection is to hold, a `SessionState` as of `encodeValue`; empty: that cannot be kept. */
  kept(key: ConnectionKey, state: Buffer): void
  credit(): void
}

export const events = {
  ready: (batch: BatchWriter): void => batch.begin(Event.READY),
  reserved(batch: BatchWriter, key: ConnectionKey, mustJudge: boolean): void {
    batch.beginWithKey(Event.RESERVED, key)
    batch.field(mustJudge)
  },
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
  pinged(batch: BatchWriter, key: ConnectionKey, payload: Uint8Array): void {
    batch.beginWithKey(Event.PINGED, key)
    batch.bytes(payload)
  },
  ponged(batch: BatchWriter, key: ConnectionKey, payload: Uint8Array): void {
    batch.beginWithKey(Event.PONGED, key)
    batch.bytes(payload)
  },
  closed: (batch: BatchWriter, key: ConnectionKey, code: number, reason: string): void =>
    batch.begin(Event.CLOSED, key, code, reason),
  joined: (batch: BatchWriter, key: ConnectionKey, room: string): void => batch.begin(Event.JOINED, key, room),
  left: (batch: BatchWriter, key: ConnectionKey, room: string): void => batch.begin(Event.LEFT, key, room),
  /** No user has an empty name. */
  identified: (batch: BatchWriter, id: string, userId: string | null): void =>
    batch.begin(Event.IDENTIFIED, id, userId ?? ''),
  sentToUser(batch: BatchWriter, userId: string, payload: Uint8Array, flags: number): void {
    batch.begin(Event.SENT_TO_USER, userId, flags)
    batch.bytes(payload)
  },
  posted(batch: BatchWriter, value: Uint8Array): void {
    batch.begin(Event.POSTED)
    batch.bytes(value)
  },
  threw(batch: BatchWriter, key: ConnectionKey, error: Uint8Array): void {
    batch.beginWithKey(Event.THREW, key)
    batch.bytes(error)
  },
  listenerFailed(batch: BatchWriter, error: Uint8Array): void {
    batch.begin(Event.LISTENER_FAILED)
    batch.bytes(error)
  },
  loaded(batch: BatchWriter, module: number, error: Uint8Array): void {
    batch.begin(Event.LOADED, module)
    batch.bytes(error)
  },
  prepared(batch: BatchWriter, move: number, keys: readonly ConnectionKey[]): void {
    batch.begin(Event.PREPARED, move, keys.length, ...keys)
  },
  movedOut(batch: BatchWriter, move: number, stayed: readonly ConnectionKey[]): void {
    batch.begin(Event.MOVED_OUT, move, stayed.length, ...stayed)
  },
  arrived: (batch: BatchWriter, move: number): void => batch.begin(Event.ARRIVED, move),
  compute(batch: BatchWriter, request: number, task: Uint8Array): void {
    batch.begin(Event.COMPUTE, request)
    batch.bytes(task)
  },
  knocked(batch: BatchWriter, visit: number, knock: Uint8Array): void {
    batch.begin(Event.KNOCKED, visit)
    batch.bytes(knock)
  },
  withdrew: (batch: BatchWriter, visit: number): void => batch.begin(Event.WITHDREW, visit),
  admitted(batch: BatchWriter, key: ConnectionKey, admitted: Uint8Array): void {
    batch.beginWithKey(Event.ADMITTED, key)
    batch.bytes(admitted)
  },
  turnedAway: (batch: BatchWriter, code: string, why: string): void => batch.begin(Event.TURNED_AWAY, code, why),
  faltered(batch: BatchWriter, cause: Uint8Array): void {
    batch.begin(Event.FALTERED)
    batch.bytes(cause)
  },
  kept(batch: BatchWriter, key: ConnectionKey, state: Uint8Array): void {
    batch.beginWithKey(Event.KEPT, key)
    batch.bytes(state)
  },
  judged(batch: BatchWriter, key: ConnectionKey, verdict: Uint8Array): void {
    batch.beginWithKey(Event.JUDGED, key)
    batch.bytes(verdict)
  },
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
      return handler.reserved(batch.number(), batch.boolean())
    case Event.RECEIVED: {
      const key = batch.number()
      const isBinary = batch.boolean()
      return handler.received(key, batch.payload(), isBinary)
    }
    case Event.DRAINED:
      return handler.drained(batch.number())
    case Event.DROPPED:
      return handler.dropped(batch.number())
    case Event.PINGED:
      return handler.pinged(batch.number(), batch.bytes())
    case Event.PONGED:
      return handler.ponged(batch.number(), batch.bytes())
    case Event.LIMITED:
      return handler.limited(batch.number(), batch.string())
    case Event.FAILED:
      return handler.failed(batch.number(), batch.string(), batch.string())
    case Event.CLOSED:
      return handler.closed(batch.number(), batch.number(), batch.string())
    case Event.JOINED:
      return handler.joined(batch.number(), batch.string())
    case Event.LEFT:
      return handler.left(batch.number(), batch.string())
    case Event.IDENTIFIED:
      return handler.identified(batch.string(), batch.string() || null)
    case Event.SENT_TO_USER: {
      const userId = batch.string()
      const flags = batch.number()
      return handler.sentToUser(userId, batch.bytes(), flags)
    }
    case Event.POSTED:
      return handler.posted(batch.bytes())
    case Event.THREW:
      return handler.threw(batch.number(), batch.bytes())
    case Event.LISTENER_FAILED:
      return handler.listenerFailed(batch.bytes())
    case Event.LOADED:
      return handler.loaded(batch.number(), batch.bytes())
    case Event.PREPARED:
      return handler.prepared(batch.number(), readKeys(batch))
    case Event.MOVED_OUT:
      return handler.movedOut(batch.number(), readKeys(batch))
    case Event.ARRIVED:
      return handler.arrived(batch.number())
    case Event.COMPUTE:
      return handler.compute(batch.number(), batch.bytes())
    case Event.FALTERED:
      return handler.faltered(batch.bytes())
    case Event.JUDGED:
      return handler.judged(batch.number(), batch.bytes())
    case Event.FINISHED:
      return handler.finished(batch.number())
    case Event.CREDIT:
      return handler.credit()
    default:
      return dispatchVisit(tag, batch, handler)
  }
}

function dispatchVisit(tag: number, batch: BatchReader, handler: EventHandler): void {
  switch (tag) {
    case Event.KNOCKED:
      return handler.knocked(batch.number(), batch.bytes())
    case Event.WITHDREW:
      return handler.withdrew(batch.number())
    case Event.TURNED_AWAY:
      return handler.turnedAway(batch.string(), batch.string())
    case Event.KEPT:
      return handler.kept(batch.number(), batch.bytes())
    case Event.ADMITTED:
      return handler.admitted(batch.number(), batch.bytes())
    default:
      throw new ShardwsError('UNKNOWN_MESSAGE', `unknown event ${tag}`)
  }
}

function readKeys(batch: BatchReader): ConnectionKey[] {
  return Array.from({ length: batch.number() }, () => batch.number())
}
