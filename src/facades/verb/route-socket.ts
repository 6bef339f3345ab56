import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { peerAddress } from '../../main/client-address.ts'
import { ReadyState } from '../../shared/connection-table.ts'
import {
  type AnyListener,
  assertListener,
  type ListenerEntry,
  withoutHeard,
  withoutLatest,
} from '../../shared/listener-entries.ts'
import { assertCloseArguments, assertMessage } from '../../shared/message-arguments.ts'
import { CloseCode } from '../../shared/protocol/close-codes.ts'
import { splitTarget } from '../../shared/protocol/handshake.ts'
import type { BroadcastOptions, SendOptions } from '../../shared/send-options.ts'
import { isThenable } from '../../shared/work.ts'
import { closeAsVerb } from './ping-timeout.ts'
import type { EngineSocket, VerbSocket, VerbSocketEvent, VerbSocketListener } from './verb-socket.ts'

/** What a call counts for, besides its bytes, that waits for the connection to open. */
const WAITING_CALL_BYTES = 64

const EVENTS: readonly string[] = ['message', 'close', 'error', 'drain', 'ping', 'pong']
const NO_ROOMS: ReadonlySet<string> = new Set()

type Entry = ListenerEntry<VerbSocketEvent>

/** What a `RouteSocket` needs of the attempt that made it. */
export interface RouteSocketHost<Data> {
  readonly request: IncomingMessage
  /** The target as the client sent it: routers change `request.url` while they run. */
  readonly url: string
  readonly params: Readonly<Record<string, string>>
  readonly protocol: string
  readonly data: Data
  readonly user: unknown
  /** Bytes that may wait for the connection to open. */
  readonly maxWaitingBytes: number
  /** Somebody hears its messages from now on. */
  onListening(): void
  /** An error that no listener has heard. */
  onUnheardError(socket: RouteSocket<Data>, error: Error): void
}

/**
 * What `res.upgrade()` returns: it can be used at once. What is asked of it before the connection is open is done when it
 * opens, in order, as long as it is no more than `maxBackpressure`.
 */
export class RouteSocket<Data = Record<string, unknown>> implements VerbSocket<Data> {
  [property: string]: unknown
  readonly url: string
  readonly params: Readonly<Record<string, string>>
  readonly headers: IncomingHttpHeaders
  readonly #host: RouteSocketHost<Data>
  #data: Data
  #user: unknown
  #socket: EngineSocket | null = null
  #entries: readonly Entry[] = []
  readonly #relayed = new Set<VerbSocketEvent>()
  #waiting: ((socket: EngineSocket) => unknown)[] = []
  #waitingBytes = 0
  #hasRefused = false
  #isClosing = false
  #isClosed = false

  constructor(host: RouteSocketHost<Data>) {
    this.#host = host
    this.url = host.url
    this.params = host.params
    this.headers = host.request.headers
    this.#data = host.data
    this.#user = host.user
  }

  get CONNECTING(): typeof ReadyState.CONNECTING {
    return ReadyState.CONNECTING
  }

  get OPEN(): typeof ReadyState.OPEN {
    return ReadyState.OPEN
  }

  get CLOSING(): typeof ReadyState.CLOSING {
    return ReadyState.CLOSING
  }

  get CLOSED(): typeof ReadyState.CLOSED {
    return ReadyState.CLOSED
  }

  get id(): string {
    return this.#socket?.id ?? ''
  }

  get path(): string {
    return splitTarget(this.url).path
  }

  get query(): Readonly<Record<string, string>> {
    return Object.fromEntries(new URLSearchParams(splitTarget(this.url).query))
  }

  get remoteAddress(): string {
    return this.#socket?.remoteAddress ?? peerAddress(this.#host.request)
  }

  get protocol(): string {
    return this.#socket?.protocol ?? this.#host.protocol
  }

  get readyState(): ReadyState {
    if (this.#socket !== null) return this.#socket.readyState
    if (this.#isClosed) return ReadyState.CLOSED
    return this.#isClosing ? ReadyState.CLOSING : ReadyState.CONNECTING
  }

  get bufferedAmount(): number {
    return this.#socket?.bufferedAmount ?? this.#waitingBytes
  }

  get rooms(): ReadonlySet<string> {
    return this.#socket?.rooms ?? NO_ROOMS
  }

  get data(): Data {
    return this.#socket === null ? this.#data : (this.#socket.data as Data)
  }

  set data(data: Data) {
    this.#data = data
    if (this.#socket !== null) this.#socket.data = data
  }

  get user(): unknown {
    return this.#socket === null ? this.#user : this.#socket.user
  }

  set user(user: unknown) {
    this.#user = user
    if (this.#socket !== null) this.#socket.user = user
  }

  /** Whether anybody hears its messages. */
  get isListening(): boolean {
    return this.#entries.some(({ event }) => event === 'message')
  }

  send(message: string | Uint8Array, options?: boolean | SendOptions): boolean {
    assertMessage(message)
    if (this.#socket !== null) return this.#socket.send(message, options)
    const kept = copyOf(message)
    return this.#wait(Buffer.byteLength(message), (socket) => socket.send(kept, options))
  }

  close(code: number = CloseCode.NORMAL_CLOSURE, reason = ''): void {
    assertCloseArguments(code, reason)
    if (this.#socket !== null) return this.#socket.close(code, reason)
    if (this.#isClosing) return
    this.#isClosing = true
    this.#waiting.push((socket) => socket.close(code, reason))
  }

  terminate(): void {
    if (this.#socket !== null) this.#socket.terminate()
    else this.#host.request.socket.destroy()
  }

  ping(data?: string | Uint8Array): void {
    if (this.#socket !== null) this.#socket.ping(data)
    else this.#wait(data?.length ?? 0, (socket) => socket.ping(data))
  }

  pong(data?: string | Uint8Array): void {
    if (this.#socket !== null) this.#socket.pong(data)
    else this.#wait(data?.length ?? 0, (socket) => socket.pong(data))
  }

  identify(userId: string | null): boolean {
    return this.#socket?.identify(userId) ?? this.#wait(0, (socket) => socket.identify(userId))
  }

  join(room: string): boolean {
    return this.#socket?.join(room) ?? this.#wait(0, (socket) => socket.join(room))
  }

  leave(room: string): boolean {
    return this.#socket?.leave(room) ?? this.#wait(0, (socket) => socket.leave(room))
  }

  publish(room: string, message: string | Uint8Array, options?: boolean | BroadcastOptions): boolean {
    assertMessage(message)
    if (this.#socket !== null) return this.#socket.publish(room, message, options)
    const kept = copyOf(message)
    return this.#wait(Buffer.byteLength(message), (socket) => socket.publish(room, kept, options))
  }

  /** Adds a listener; the same one may be added several times. @throws ShardwsError ARGUMENT_INVALID */
  on<Event extends VerbSocketEvent>(event: Event, listener: VerbSocketListener<Event>): this {
    return this.#add({ event, listener, isOnce: false })
  }

  /** As `on`, for the next event only. @throws ShardwsError ARGUMENT_INVALID */
  once<Event extends VerbSocketEvent>(event: Event, listener: VerbSocketListener<Event>): this {
    return this.#add({ event, listener, isOnce: true })
  }

  /** Removes the latest addition of a listener, if there is one. */
  off<Event extends VerbSocketEvent>(event: Event, listener: VerbSocketListener<Event>): this {
    this.#entries = withoutLatest(this.#entries, event, listener)
    return this
  }

  /** By the attempt: the client has its 101. */
  open(socket: EngineSocket): void {
    this.#socket = socket
    socket.data = this.#data
    socket.user = this.#user
    for (const { event } of this.#entries) this.#relay(event)
    for (const call of this.#waiting.splice(0)) {
      try {
        call(socket)
      } catch (error) {
        this.raise(error as Error)
      }
    }
    this.#waitingBytes = 0
    if (this.#hasRefused) this.#tell('drain', [])?.catch((error: Error) => this.raise(error))
  }

  /** By the attempt: there will be no connection. */
  abandon(): void {
    if (this.#socket !== null || this.#isClosed) return
    this.#isClosed = true
    this.#waiting = []
    this.#waitingBytes = 0
    this.#tell('close', [CloseCode.ABNORMAL_CLOSURE, ''])?.catch((error: Error) => this.raise(error))
  }

  /** Raises `error`. What an error listener throws is an error that nobody has heard. */
  raise(error: Error): void {
    if (!this.#entries.some(({ event }) => event === 'error')) return this.#host.onUnheardError(this, error)
    this.#tell('error', [error])?.catch((cause: Error) => this.#host.onUnheardError(this, cause))
  }

  #wait(bytes: number, call: (socket: EngineSocket) => unknown): boolean {
    if (this.#isClosing || this.#isClosed) return false
    const most = this.#host.maxWaitingBytes
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes + WAITING_CALL_BYTES > most) {
      this.#hasRefused = true
      return false
    }
    this.#waitingBytes += bytes + WAITING_CALL_BYTES
    this.#waiting.push(call)
    return true
  }

  #add(entry: Entry): this {
    const { event } = entry
    assertListener(EVENTS, entry)
    this.#entries = [...this.#entries, entry]
    if (this.#socket !== null) this.#relay(event)
    if (event === 'message') this.#host.onListening()
    return this
  }

  /** The connection tells us of this event from now on. */
  #relay(event: VerbSocketEvent): void {
    if (this.#relayed.has(event)) return
    this.#relayed.add(event)
    const tell = (...args: unknown[]): Promise<unknown> | undefined =>
      this.#tell(event, event === 'close' ? closeAsVerb(...(args as [number, string])) : args)
    this.#socket?.on(event as 'message', tell)
  }

  /** Rejects with what a listener throws or rejects with. */
  #tell(event: VerbSocketEvent, args: readonly unknown[]): Promise<unknown> | undefined {
    const heard = this.#entries.filter((each) => each.event === event)
    this.#entries = withoutHeard(this.#entries, heard)
    const results = heard.map(({ listener }) => resultOf(this, listener, args))
    return results.some(isThenable) ? Promise.all(results) : undefined
  }
}

function resultOf(self: unknown, listener: AnyListener, args: readonly unknown[]): unknown {
  try {
    return Reflect.apply(listener, self, args)
  } catch (error) {
    return Promise.reject(error)
  }
}

/** The caller may go on with its bytes when `send` has returned. */
function copyOf(message: string | Uint8Array): string | Uint8Array {
  return typeof message === 'string' ? message : Buffer.from(message)
}
