import { ReadyState } from './connection-table.ts'
import type { Gate } from './gate.ts'
import {
  type AnyListener,
  assertListener,
  type ListenerEntry,
  withoutHeard,
  withoutLatest,
} from './listener-entries.ts'
import type { SocketSession } from './socket-session.ts'
import type { Unprocessed } from './unprocessed.ts'

/** The events of one connection. */
export interface SocketEventMap {
  /** Text is a string, binary a Buffer: a view on a larger one, to be copied if it is kept for long. */
  message: [message: string | Buffer, isBinary: boolean]
  /** The last event. 1006: it ended without a closing handshake. */
  close: [code: number, reason: string]
  /** What went wrong with it; a protocol error closes it by itself. */
  error: [error: Error]
  /** Everything queued has been written, after `send` returned false. */
  drain: []
  /** The peer has sent a ping; it has been answered. */
  ping: [payload: Buffer]
  /** The peer has answered a ping, or sent a pong unasked. */
  pong: [payload: Buffer]
  /** It has joined a room. */
  'room:join': [room: string]
  /** It has left a room, also by closing. */
  'room:leave': [room: string]
}

/** The names of these events. */
export type SocketEvent = keyof SocketEventMap

/** What it throws or rejects with arrives at `error`. A message counts as unprocessed until the promise settles. */
export type SocketListener<Event extends SocketEvent = SocketEvent> = (...args: SocketEventMap[Event]) => unknown

type Entry = ListenerEntry<SocketEvent>

const EVENTS = Object.keys({
  message: true,
  close: true,
  error: true,
  drain: true,
  ping: true,
  pong: true,
  'room:join': true,
  'room:leave': true,
} satisfies Record<SocketEvent, true>)

const NO_ENTRIES: readonly Entry[] = []
const NO_LISTENERS: readonly AnyListener[] = []

/** What few connections need at a time: the others pay one pointer for all of it. */
export class SocketExtras {
  entries = NO_ENTRIES
  metadata: Record<string, unknown> | null = null
  unprocessed: Unprocessed | null = null
  gate: Gate | null = null
  session: SocketSession | null = null

  add(entry: Entry): void {
    this.entries = [...this.entries, entry]
  }

  get isEmpty(): boolean {
    const { entries, metadata, unprocessed, gate, session } = this
    const isPlain = metadata === null && unprocessed === null && session === null
    return isPlain && entries.length === 0 && gate === null
  }
}

/**
 * The listeners of one connection, `metadata`, and what else most connections do without. It has no private methods: V8
 * would mark every connection with another 8 bytes for them.
 */
export abstract class SocketEvents {
  /** A value of `readyState`. */
  static readonly CONNECTING = ReadyState.CONNECTING
  /** A value of `readyState`. */
  static readonly OPEN = ReadyState.OPEN
  /** A value of `readyState`. */
  static readonly CLOSING = ReadyState.CLOSING
  /** A value of `readyState`. */
  static readonly CLOSED = ReadyState.CLOSED

  #extras: SocketExtras | null = null

  /** A value of `readyState`. */
  get CONNECTING(): typeof ReadyState.CONNECTING {
    return ReadyState.CONNECTING
  }

  /** A value of `readyState`. */
  get OPEN(): typeof ReadyState.OPEN {
    return ReadyState.OPEN
  }

  /** A value of `readyState`. */
  get CLOSING(): typeof ReadyState.CLOSING {
    return ReadyState.CLOSING
  }

  /** A value of `readyState`. */
  get CLOSED(): typeof ReadyState.CLOSED {
    return ReadyState.CLOSED
  }

  /** Adds a listener; the same one may be added several times. @throws ShardwsError ARGUMENT_INVALID */
  on<Event extends SocketEvent>(event: Event, listener: SocketListener<Event>): this {
    this.extras().add(entry(event, listener, false))
    return this
  }

  /** As `on`, for the next event only. @throws ShardwsError ARGUMENT_INVALID */
  once<Event extends SocketEvent>(event: Event, listener: SocketListener<Event>): this {
    this.extras().add(entry(event, listener, true))
    return this
  }

  /** Removes the latest addition of a listener, if there is one. */
  off<Event extends SocketEvent>(event: Event, listener: SocketListener<Event>): this {
    const entries = this.#extras?.entries ?? NO_ENTRIES
    const left = withoutLatest(entries, event, listener)
    if (left !== entries) this.extras().entries = left
    return this
  }

  /** `on('message', listener)`. @throws ShardwsError ARGUMENT_INVALID */
  onMessage(listener: SocketListener<'message'>): this {
    return this.on('message', listener)
  }

  /** `on('close', listener)`. @throws ShardwsError ARGUMENT_INVALID */
  onClose(listener: SocketListener<'close'>): this {
    return this.on('close', listener)
  }

  /** `on('error', listener)`. @throws ShardwsError ARGUMENT_INVALID */
  onError(listener: SocketListener<'error'>): this {
    return this.on('error', listener)
  }

  /** Free for the application, as `data` is, but without a type. An empty object until it is set. */
  get metadata(): Record<string, unknown> {
    const extras = this.extras()
    extras.metadata ??= {}
    return extras.metadata
  }

  set metadata(metadata: Record<string, unknown>) {
    this.extras().metadata = metadata
  }

  /** By the engine: `metadata` if there is any. */
  get ownMetadata(): Record<string, unknown> | null {
    return this.#extras?.metadata ?? null
  }

  /** By the engine: calls back once the application is done with its messages: at once if it is. */
  onceIdle(callback: () => void): void {
    const unprocessed = this.#extras?.unprocessed ?? null
    if (unprocessed === null) callback()
    else unprocessed.onceIdle(callback)
  }

  /** By the dispatcher: what holds its messages back, null for nothing. */
  get gate(): Gate | null {
    return this.#extras?.gate ?? null
  }

  set gate(gate: Gate | null) {
    if (gate === null && this.#extras === null) return
    this.extras().gate = gate
    if (this.#extras?.isEmpty) this.#extras = null
  }

  /** By the engine: null for a client that asked for none. */
  get session(): SocketSession | null {
    return this.#extras?.session ?? null
  }

  set session(session: SocketSession | null) {
    this.extras().session = session
  }

  /** Whether the connection has resumed a session: `data` is what it was, and the rooms are joined again before `open`. */
  get recovered(): boolean {
    return this.#extras?.session?.isRecovered ?? false
  }

  /** By the dispatcher: who is to hear of an event that happens now. */
  takeListeners(event: SocketEvent): readonly AnyListener[] {
    const entries = this.#extras?.entries ?? NO_ENTRIES
    if (entries.length === 0) return NO_LISTENERS
    const heard = entries.filter((each) => each.event === event)
    const left = withoutHeard(entries, heard)
    if (left !== entries) this.extras().entries = left
    return heard.map(({ listener }) => listener)
  }

  protected extras(): SocketExtras {
    this.#extras ??= new SocketExtras()
    return this.#extras
  }
}

/** The listener to add. @throws ShardwsError ARGUMENT_INVALID */
function entry(event: SocketEvent, listener: AnyListener, isOnce: boolean): Entry {
  const added = { event, listener, isOnce }
  assertListener(EVENTS, added)
  return added
}
