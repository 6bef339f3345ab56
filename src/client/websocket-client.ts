import { ShardwsError } from '../shared/errors.ts'
import { SESSION_PROTOCOL } from '../shared/protocol/session-protocol.ts'
import { isWorthReconnecting } from '../shared/protocol/worth-reconnecting.ts'
import { type Address, findAddress, parseUrl, type UrlOption } from './address.ts'
import { backoffMs } from './backoff.ts'
import { type ResolvedClientOptions, resolveClientOptions, type WebSocketClientOptions } from './client-options.ts'
import { ClientSession } from './client-session.ts'
import { retryAfterMs } from './close-policy.ts'
import { Listeners } from './listeners.ts'
import type { PlainCloseEvent, PlainErrorEvent, PlainMessageEvent, PlainSocket } from './socket.ts'
import { WaitingMessages, type WireMessage } from './waiting-messages.ts'

export type { TokenOptions } from './address.ts'
export type { BackoffOptions } from './backoff.ts'
export type { WebSocketClientOptions } from './client-options.ts'
export type { PlainSocket, PlainSocketClass } from './socket.ts'
export type { QueueOptions } from './waiting-messages.ts'

/** `waiting`: for the next attempt. `closed` is final. */
export type ClientState = 'connecting' | 'open' | 'waiting' | 'closing' | 'closed'

/** What the listeners of each event get. */
export interface WebSocketClientEvents<Message> {
  /** What its listeners send goes out before what has waited. */
  open: {
    readonly isReconnect: boolean
    /** With `session`: the server still had it, so the rooms and what the server knows of this client are as they were. */
    readonly recovered: boolean
  }
  /** A text or, as an ArrayBuffer, bytes; with `json` the value. */
  message: Message
  /** A connection or an attempt has ended; 1006: without a closing handshake. After `willReconnect: false` nothing follows. */
  close: { readonly code: number; readonly reason: string; readonly willReconnect: boolean }
  /** Why an attempt or a connection failed, as far as the runtime tells, or a message that is no JSON. */
  error: Error
  /** It waits for attempt number `attempt` in a row. */
  reconnecting: { readonly attempt: number; readonly delayMs: number }
  /** A message that will not be sent, as `send` would have sent it. */
  'queue-drop': string | Uint8Array
}

type TypeOf<Message> = Message extends { readonly type: infer Type extends string } ? Type : never

/** Codes that a browser lets a page close with. */
const NORMAL_CLOSURE = 1000
const ABNORMAL_CLOSURE = 1006
/** `readyState` of a socket. */
const OPEN = 1
/** A connection that has stood for so long is no failure of the server's when it ends. */
const STABLE_MS = 5000
/** Leaves the session to the next connection, as 1000 would not. */
const RECONNECTING = 4000

/**
 * A WebSocket that comes back, for browsers and Node. It connects at once; what is sent while there is no connection waits,
 * within limits. Delivery is best effort: what was on its way when a connection broke is lost.
 *
 * @typeParam Message what arrives: with `json` a union of objects that differ in `type`.
 * @typeParam Outgoing what may be sent.
 */
export class WebSocketClient<Message = string | ArrayBuffer, Outgoing = Message | Uint8Array> {
  readonly #options: ResolvedClientOptions
  readonly #url: UrlOption
  readonly #listeners = new Listeners()
  /** By the `type` of the message. */
  readonly #typeListeners = new Listeners()
  readonly #waiting: WaitingMessages
  readonly #session: ClientSession | null
  #state: ClientState = 'connecting'
  #socket: PlainSocket | undefined
  /** Changes with each attempt: what an older one still says is not heard. */
  #attempt: object = {}
  #failedAttempts = 0
  /** Connections in a row that opened and did not last: a server that accepts and hangs up is no reason to hurry. */
  #briefConnections = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #connections = 0
  #dropped = 0

  /**
   * @param url a `ws:`, `wss:`, `http:` or `https:` URL, in a page also a relative one, or a function that is asked for it before each attempt.
   * @throws ShardwsError ARGUMENT_INVALID, OPTION_UNKNOWN and OPTION_INVALID
   */
  constructor(url: UrlOption, options: WebSocketClientOptions = {}) {
    this.#options = resolveClientOptions(options)
    if (typeof url !== 'function') parseUrl(url)
    this.#url = url
    this.#waiting = new WaitingMessages(this.#options.queue)
    this.#session = this.#options.session ? new ClientSession() : null
    this.#connect()
  }

  /** What it is doing. `closed` is final. */
  get state(): ClientState {
    return this.#state
  }

  /** The subprotocol that the server chose, '' without one. */
  get protocol(): string {
    const protocol = this.#socket?.protocol ?? ''
    return protocol === SESSION_PROTOCOL ? '' : protocol
  }

  /** Bytes that the connection has not written yet. */
  get bufferedAmount(): number {
    return this.#socket?.bufferedAmount ?? 0
  }

  /** Messages that wait for a connection. */
  get queued(): number {
    return this.#waiting.count
  }

  /** Bytes of these messages. */
  get queuedBytes(): number {
    return this.#waiting.bytes
  }

  /** Messages that were dropped since it was made. */
  get dropped(): number {
    return this.#dropped
  }

  /** Adds a listener; what it throws is an uncaught error and stops nothing. */
  on<Name extends keyof WebSocketClientEvents<Message>>(
    name: Name,
    listener: (event: WebSocketClientEvents<Message>[Name]) => void,
  ): this {
    this.#listeners.add(name, listener)
    return this
  }

  /** Removes the latest addition of a listener, if there is one. */
  off<Name extends keyof WebSocketClientEvents<Message>>(
    name: Name,
    listener: (event: WebSocketClientEvents<Message>[Name]) => void,
  ): this {
    this.#listeners.remove(name, listener)
    return this
  }

  /** With `json`: hears the messages whose `type` this is, after the listeners of `message`. */
  onType<Type extends TypeOf<Message>>(
    type: Type,
    listener: (message: Extract<Message, { readonly type: Type }>) => void,
  ): this {
    this.#typeListeners.add(type, listener)
    return this
  }

  /**
   * False: the message was dropped. True: it is on its way or waits for a connection, where a later one may still push it out.
   *
   * @throws ShardwsError ARGUMENT_INVALID for what is no message.
   */
  send(message: Outgoing): boolean {
    const data = this.#encode(message)
    if (this.#canSend()) {
      this.#socket?.send(data as never)
      return true
    }
    if (this.#state === 'closing' || this.#state === 'closed') {
      this.#drop([data])
      return false
    }
    const { isKept, dropped } = this.#waiting.add(data)
    this.#drop(dropped)
    return isKept
  }

  /** Connects at once and counts attempts anew: when the network is back, or somebody asks. What is open is closed first. */
  reconnect(): void {
    if (this.#state === 'closing' || this.#state === 'closed') return
    this.#failedAttempts = 0
    this.#briefConnections = 0
    this.#leave(this.#session === null ? NORMAL_CLOSURE : RECONNECTING, 'reconnecting')
    this.#connect()
  }

  /**
   * The end: it does not reconnect, and what waits is dropped.
   *
   * @param code 1000 or 3000 to 4999. Default 1000.
   * @param reason at most 123 bytes of UTF-8.
   * @throws ShardwsError ARGUMENT_INVALID
   */
  close(code = NORMAL_CLOSURE, reason = ''): void {
    if (code !== NORMAL_CLOSURE && !(Number.isInteger(code) && code >= 3000 && code <= 4999)) {
      throw new ShardwsError('ARGUMENT_INVALID', `code must be 1000 or 3000 to 4999, got ${code}`)
    }
    if (new TextEncoder().encode(reason).length > 123) {
      throw new ShardwsError('ARGUMENT_INVALID', 'reason must be at most 123 bytes of UTF-8')
    }
    if (this.#state === 'closing' || this.#state === 'closed') return
    if (this.#state === 'open') {
      this.#state = 'closing'
      this.#socket?.close(code, reason)
      return
    }
    this.#leave(code, reason)
    this.#end(code, reason)
  }

  /** A server that has said goodbye may leave the connection for a while. What is sent then would be lost. */
  #canSend(): boolean {
    return this.#state === 'open' && this.#socket?.readyState === OPEN
  }

  #connect(): void {
    const attempt = {}
    this.#attempt = attempt
    this.#state = 'connecting'
    const { connectTimeoutMs, protocols, token } = this.#options
    const fail = (error: unknown): void => {
      if (this.#attempt !== attempt) return
      this.#emit('error', asError(error))
      // A listener may have closed it, or asked for another attempt.
      if (this.#attempt !== attempt) return
      this.#leave(NORMAL_CLOSURE, '')
      this.#onClosed(ABNORMAL_CLOSURE, '')
    }
    const onTimeout = (): void =>
      fail(new ShardwsError('TRANSPORT_FAILED', 'the attempt to connect took longer than connectTimeoutMs'))
    if (connectTimeoutMs > 0) this.#timer = setTimeout(onTimeout, connectTimeoutMs)
    findAddress(this.#url, protocols, token)
      .then((address) => {
        if (this.#attempt === attempt) this.#open(address, attempt)
      })
      .catch(fail)
  }

  #open({ url, protocols }: Address, attempt: object): void {
    const socket = new this.#options.WebSocket(url, [...protocols, ...(this.#session?.protocols ?? [])])
    this.#socket = socket
    socket.binaryType = 'arraybuffer'
    const ifCurrent =
      <Event>(listener: (event: Event) => void) =>
      (event: Event): void => {
        if (this.#attempt === attempt) listener(event)
      }
    socket.onopen = ifCurrent(() => {
      // With a session, what the server says first tells what is open.
      if (this.#session === null) this.#onOpen()
    })
    socket.onmessage = ifCurrent(({ data }: PlainMessageEvent) => {
      const isFirst = this.#state === 'connecting'
      const isTold = isFirst && this.#session?.take(data)
      if (isFirst) this.#onOpen()
      // A listener of `open` may have had enough.
      if (!isTold && this.#attempt === attempt) this.#onMessage(data)
    })
    // Never null: ws throws what nobody listens to.
    socket.onerror = ifCurrent((event: PlainErrorEvent) => this.#emit('error', errorOf(event)))
    socket.onclose = ifCurrent(({ code, reason }: PlainCloseEvent) => this.#onClosed(code, reason))
  }

  #onOpen(): void {
    clearTimeout(this.#timer)
    this.#state = 'open'
    this.#failedAttempts = 0
    this.#briefConnections++
    this.#timer = setTimeout(() => {
      this.#briefConnections = 0
    }, STABLE_MS)
    const isReconnect = this.#connections++ > 0
    const attempt = this.#attempt
    this.#emit('open', { isReconnect, recovered: this.#session?.isRecovered ?? false })
    while (this.#attempt === attempt && this.#canSend()) {
      const message = this.#waiting.take()
      if (message === undefined) break
      this.#socket?.send(message as never)
    }
  }

  #onMessage(data: unknown): void {
    // Some classes go on until the server has answered the close.
    if (this.#state !== 'open') return
    if (!this.#options.json) return this.#emit('message', data as Message)
    let message: Message
    try {
      if (typeof data !== 'string') throw new TypeError('a binary message')
      message = JSON.parse(data) as Message
    } catch (cause) {
      const error = new ShardwsError('MESSAGE_INVALID', 'the server sent a message that is no JSON text', { cause })
      return this.#emit('error', error)
    }
    this.#emit('message', message)
    const type: unknown = (message as { type?: unknown } | null)?.type
    if (typeof type === 'string') this.#typeListeners.emit(type, message)
  }

  #onClosed(code: number, reason: string): void {
    clearTimeout(this.#timer)
    this.#socket = undefined
    const { maxAttempts } = this.#options
    if (this.#state === 'connecting') this.#failedAttempts++
    const isSpent = maxAttempts > 0 && this.#failedAttempts >= maxAttempts
    if (this.#state === 'closing' || isSpent) return this.#end(code, reason)
    this.#state = 'waiting'
    const attempt = {}
    this.#attempt = attempt
    const willReconnect = this.#isWorthReconnecting(code, reason)
    if (this.#attempt !== attempt) return
    if (!willReconnect) return this.#end(code, reason)
    this.#emit('close', { code, reason, willReconnect })
    if (this.#attempt === attempt) this.#wait(retryAfterMs(reason))
  }

  /** An answer that cannot be had must not leave it between two attempts for ever: then the code decides. */
  #isWorthReconnecting(code: number, reason: string): boolean {
    const { shouldReconnect = isWorthReconnecting } = this.#options
    try {
      return shouldReconnect(code, reason)
    } catch (error) {
      this.#emit('error', asError(error))
      return isWorthReconnecting(code)
    }
  }

  #wait(leastMs: number): void {
    const attempt = this.#failedAttempts + 1
    const step = Math.max(attempt, this.#briefConnections)
    const delayMs = leastMs + backoffMs(step, this.#options.backoff, this.#options.random)
    this.#timer = setTimeout(() => this.#connect(), delayMs)
    this.#emit('reconnecting', { attempt, delayMs })
  }

  /** Hears nothing more of the attempt or connection there is, and ends it. */
  #leave(code: number, reason: string): void {
    clearTimeout(this.#timer)
    this.#attempt = {}
    const socket = this.#socket
    this.#socket = undefined
    socket?.close(code, reason)
  }

  #end(code: number, reason: string): void {
    this.#state = 'closed'
    this.#attempt = {}
    this.#drop(this.#waiting.takeAll())
    this.#emit('close', { code, reason, willReconnect: false })
  }

  #emit<Name extends keyof WebSocketClientEvents<Message>>(
    name: Name,
    event: WebSocketClientEvents<Message>[Name],
  ): void {
    this.#listeners.emit(name, event)
  }

  #drop(messages: readonly WireMessage[]): void {
    this.#dropped += messages.length
    for (const message of messages) this.#emit('queue-drop', message)
  }

  #encode(message: unknown): WireMessage {
    const data = this.#options.json ? JSON.stringify(message) : message
    if (typeof data === 'string' || data instanceof Uint8Array) return data
    if (data instanceof ArrayBuffer) return new Uint8Array(data)
    const expected = this.#options.json ? 'a value that JSON has' : 'a string, Uint8Array or ArrayBuffer'
    throw new ShardwsError('ARGUMENT_INVALID', `message must be ${expected}, got ${typeof message}`)
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new ShardwsError('TRANSPORT_FAILED', String(error), { cause: error })
}

function errorOf({ error, message }: PlainErrorEvent): Error {
  const text = typeof message === 'string' && message !== '' ? message : 'the connection failed'
  return new ShardwsError('TRANSPORT_FAILED', text, { cause: error })
}
