import { ShardwsError } from './errors.ts'
import { Gate } from './gate.ts'
import type { Handler, Middleware } from './handler.ts'
import { validateMessage } from './message-validation.ts'
import { CloseCode } from './protocol/close-codes.ts'
import type { Socket } from './socket.ts'
import type { SocketEvent } from './socket-events.ts'
import { Sweep } from './sweep.ts'
import { bothOf, isThenable } from './work.ts'

/** How late a connection that does not get on may be noticed. */
const SWEEP_MS = 50

/** What the server's own listeners hear, before the handler and the socket; none of these throws. */
export interface ServerListeners {
  onConnection(socket: Socket): void
  /** Returns a promise that never rejects if a listener works on the message until then. */
  onMessage(socket: Socket, message: Buffer, isBinary: boolean): Promise<unknown> | undefined
  onClose(socket: Socket, code: number, reason: string): void
  onError(socket: Socket | null, error: Error): void
  onDrain(socket: Socket): void
  onDropped(socket: Socket): void
  onJoined(socket: Socket, room: string): void
  onLeft(socket: Socket, room: string): void
  /** Code of the application threw or rejected. */
  onHandlerError(): void
  /** So did a listener of errors, which hears of no more of them. */
  onErrorListenerFailed(error: unknown): void
  /** A message did not match the schema of its handler and was not delivered. */
  onInvalidMessage(): void
  /** A connection was closed because its middleware did not get on. */
  onMiddlewareTimeout(socket: Socket): void
}

/**
 * Tells the application what happens to a connection: first the listeners of the server, then the handler of its route,
 * then the listeners of the socket. A new connection passes the middleware before its handler. It is the same on main and
 * in a shard.
 */
export class Dispatcher {
  readonly #listeners: ServerListeners
  readonly #middlewareTimeoutMs: number
  /** Replaced, never changed: a connection keeps those it has begun with. */
  #middleware: readonly Middleware[] = []
  readonly #waiting = new Map<Socket, Gate>()
  readonly #sweep = new Sweep(SWEEP_MS, (nowMs) => this.#onSweep(nowMs))

  constructor(listeners: ServerListeners, middlewareTimeoutMs: number) {
    this.#listeners = listeners
    this.#middlewareTimeoutMs = middlewareTimeoutMs
  }

  get hasMiddleware(): boolean {
    return this.#middleware.length > 0
  }

  use(middleware: Middleware): void {
    this.#middleware = [...this.#middleware, middleware]
  }

  /** No connection waits any longer. */
  stop(): void {
    for (const [socket, gate] of this.#waiting) this.#giveUp(socket, gate)
  }

  // ── from the engine ──

  onConnection(socket: Socket): void {
    this.#listeners.onConnection(socket)
    const middleware = this.#middleware
    if (middleware.length === 0 && handlerOf(socket)?.open === undefined) return
    const gate = new Gate()
    socket.gate = gate
    this.#pass(socket, gate, middleware, 0)
    if (gate.stage === 'middleware') this.#wait(socket, gate)
  }

  /** In a shard: another thread's middleware decides about this connection, and `admit` or `close` says how. */
  hold(socket: Socket): void {
    socket.gate = new Gate()
  }

  admit(socket: Socket): void {
    const { gate } = socket
    if (gate?.stage === 'middleware') this.#enter(socket, gate)
  }

  onMessage(socket: Socket, message: Buffer, isBinary: boolean): Promise<unknown> | undefined {
    const { gate } = socket
    if (gate === null) return this.#deliver(socket, message, isBinary)
    // A copy: a held view would hold the whole batch.
    const copy = Buffer.from(message)
    return gate.hold(() => this.#deliver(socket, copy, isBinary))
  }

  onClose(socket: Socket, code: number, reason: string): void {
    const tell = (): void => {
      this.#forget(socket)
      this.#listeners.onClose(socket, code, reason)
      this.#tell(socket, 'close', code, reason)
    }
    const { gate } = socket
    if (gate === null) return tell()
    // `open` may go on for ever, and somebody may have to clean up.
    if (gate.stage === 'open') gate.dueMs = this.#dueMs()
    gate.holdClose(tell)
  }

  onError(socket: Socket | null, error: Error): void {
    this.#listeners.onError(socket, error)
    if (socket === null) return
    const handler = handlerOf(socket)
    if (handler?.error !== undefined) this.#tryOnError(handler.error, handler, socket, error)
    for (const listener of socket.takeListeners('error')) this.#tryOnError(listener, socket, error)
  }

  onDrain(socket: Socket): void {
    this.#listeners.onDrain(socket)
    this.#tell(socket, 'drain')
  }

  onDropped(socket: Socket): void {
    this.#listeners.onDropped(socket)
  }

  onJoined(socket: Socket, room: string): void {
    this.#listeners.onJoined(socket, room)
    this.#tell(socket, 'room:join', room)
  }

  onLeft(socket: Socket, room: string): void {
    this.#listeners.onLeft(socket, room)
    this.#tell(socket, 'room:leave', room)
  }

  /** One that is not let in yet hears of its messages only. */
  onPing(socket: Socket, payload: Buffer): void {
    if (socket.gate === null) this.#tell(socket, 'ping', payload)
  }

  onPong(socket: Socket, payload: Buffer): void {
    if (socket.gate === null) this.#tell(socket, 'pong', payload)
  }

  // ── a new connection ──

  #pass(socket: Socket, gate: Gate, middleware: readonly Middleware[], index: number): void {
    if (gate.stage !== 'middleware') return
    const step = middleware[index]
    if (step === undefined) return this.#enter(socket, gate)
    let isCalled = false
    const next = (error?: unknown): void => {
      if (isCalled) return
      isCalled = true
      if (error === undefined || error === null) this.#pass(socket, gate, middleware, index + 1)
      else this.#fail(socket, error as Error)
    }
    try {
      const verdict = step(socket, socket.request, next)
      if (isThenable(verdict)) {
        verdict.then(
          (settled) => this.#judge(socket, settled),
          (error) => this.#fail(socket, error as Error),
        )
      } else this.#judge(socket, verdict)
    } catch (error) {
      this.#fail(socket, error as Error)
    }
  }

  #judge(socket: Socket, verdict: unknown): void {
    if (verdict === false) socket.close(CloseCode.POLICY_VIOLATION, 'refused')
  }

  #fail(socket: Socket, error: Error): void {
    this.#onHandlerError(socket, error)
    socket.close(CloseCode.INTERNAL_ERROR, 'middleware failed')
  }

  #enter(socket: Socket, gate: Gate): void {
    gate.enter()
    gate.dueMs = gate.isClosed ? this.#dueMs() : Number.POSITIVE_INFINITY
    carryUser(socket)
    const handler = handlerOf(socket)
    const work =
      handler?.open === undefined ? undefined : this.#call(socket, handler.open, handler, [socket, socket.request])
    if (work === undefined) return this.#release(socket, gate)
    // It has closed the connection itself before it began to wait.
    if (gate.stage === 'refused') return
    this.#wait(socket, gate)
    void work.then(() => this.#release(socket, gate))
  }

  #wait(socket: Socket, gate: Gate): void {
    if (gate.stage === 'middleware') gate.dueMs = this.#dueMs()
    this.#waiting.set(socket, gate)
    this.#sweep.start()
  }

  #release(socket: Socket, gate: Gate): void {
    // What was refused stays refused until it has closed.
    if (gate.stage === 'refused') return
    this.#forget(socket)
    socket.gate = null
    gate.release()
  }

  #forget(socket: Socket): void {
    if (this.#waiting.delete(socket) && this.#waiting.size === 0) this.#sweep.stop()
  }

  #dueMs(): number {
    const timeoutMs = this.#middlewareTimeoutMs
    return timeoutMs === 0 ? Number.POSITIVE_INFINITY : this.#sweep.nowMs + timeoutMs
  }

  #onSweep(nowMs: number): void {
    for (const [socket, gate] of this.#waiting) {
      if (gate.stage === 'refused') this.#forget(socket)
      else if (nowMs >= gate.dueMs) this.#giveUp(socket, gate)
    }
  }

  #giveUp(socket: Socket, gate: Gate): void {
    this.#forget(socket)
    if (gate.stage === 'open') return this.#release(socket, gate)
    if (gate.stage === 'refused') return
    this.#listeners.onMiddlewareTimeout(socket)
    this.onError(socket, new ShardwsError('MIDDLEWARE_TIMEOUT'))
    socket.close(CloseCode.POLICY_VIOLATION, 'middleware timeout')
  }

  // ── to the application ──

  #deliver(socket: Socket, message: Buffer, isBinary: boolean): Promise<unknown> | undefined {
    const handler = handlerOf(socket)
    if (handler?.validate !== undefined && !this.#isValid(socket, handler, message, isBinary)) return undefined
    let work = this.#listeners.onMessage(socket, message, isBinary)
    const listeners = socket.takeListeners('message')
    if (handler?.message === undefined && listeners.length === 0) return work
    const data = isBinary ? message : message.toString()
    if (handler?.message !== undefined) {
      work = bothOf(work, this.#call(socket, handler.message, handler, [socket, data, isBinary]))
    }
    for (const listener of listeners) work = bothOf(work, this.#call(socket, listener, socket, [data, isBinary]))
    return work
  }

  #isValid(socket: Socket, { validate, onInvalid }: Handler, message: Buffer, isBinary: boolean): boolean {
    if (validate === undefined) return true
    try {
      const error = validateMessage(validate, message, isBinary)
      if (error === null) return true
      this.#listeners.onInvalidMessage()
      this.onError(socket, error)
      if (onInvalid === 'close') socket.close(CloseCode.POLICY_VIOLATION, error.message)
    } catch (error) {
      this.#onHandlerError(socket, error as Error)
    }
    return false
  }

  #tell(socket: Socket, event: Exclude<SocketEvent, 'message' | 'error'>, ...args: readonly unknown[]): void {
    const handler = handlerOf(socket)
    const handle = event === 'room:join' || event === 'room:leave' ? undefined : handler?.[event]
    if (handle !== undefined) void this.#call(socket, handle, handler, [socket, ...args])
    for (const listener of socket.takeListeners(event)) void this.#call(socket, listener, socket, args)
  }

  /** Returns a promise that never rejects if the application is not done yet. */
  #call(
    socket: Socket,
    listener: (...args: never[]) => unknown,
    self: unknown,
    args: readonly unknown[],
  ): Promise<unknown> | undefined {
    try {
      const result: unknown = Reflect.apply(listener, self, args)
      if (!isThenable(result)) return undefined
      return Promise.resolve(result).catch((error) => this.#onHandlerError(socket, error as Error))
    } catch (error) {
      this.#onHandlerError(socket, error as Error)
      return undefined
    }
  }

  /** To raise 'error' for what an error listener throws would call it again, for ever. */
  #tryOnError(listener: (...args: never[]) => unknown, self: unknown, ...args: readonly unknown[]): void {
    const log = (error: unknown): void => this.#listeners.onErrorListenerFailed(error)
    try {
      const result: unknown = Reflect.apply(listener, self, args)
      if (isThenable(result)) result.then(undefined, log)
    } catch (error) {
      log(error)
    }
  }

  #onHandlerError(socket: Socket, error: Error): void {
    this.#listeners.onHandlerError()
    this.onError(socket, error)
  }
}

function handlerOf({ handler }: Socket): Handler | null {
  return handler as Handler | null
}

/** Whom the middleware has found is known as `verifyClient`'s find is. */
function carryUser({ data, user }: Socket): void {
  if (user === undefined || typeof data !== 'object' || data === null) return
  const record = data as { user?: unknown }
  record.user ??= user
}
