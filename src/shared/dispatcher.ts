import type { BinaryType } from './binary-type.ts'
import { Delivery, handlerOf } from './delivery.ts'
import { ShardwsError } from './errors.ts'
import { Gate, type Held } from './gate.ts'
import type { Handler, Middleware } from './handler.ts'
import { CloseCode } from './protocol/close-codes.ts'
import type { ServerListeners } from './server-listeners.ts'
import type { Socket } from './socket.ts'
import { Sweep } from './sweep.ts'
import { isThenable } from './work.ts'

/** How late a connection that does not get on may be noticed. */
const SWEEP_MS = 50

export interface DispatchOptions {
  /** Milliseconds; 0 = unlimited. */
  readonly middlewareTimeoutMs: number
  readonly authTimeoutMs: number
  /** Nobody is let in who has not said who they are, be there somebody to judge that or not. */
  readonly isAuthRequired: boolean
  /** One message of a connection at a time. */
  readonly serialize: boolean
  readonly binaryType: BinaryType
}

/** On main, for a handler in a shard: there, and not here, clients say who they are. */
export interface StandIn extends Handler {
  readonly isStandIn: true
}

/**
 * Tells the application what happens to a connection: first the listeners of the server, then the handler of its route,
 * then the listeners of the socket. A new connection passes the middleware before its handler. It is the same on main and
 * in a shard.
 */
export class Dispatcher {
  readonly #listeners: ServerListeners
  readonly #delivery: Delivery
  readonly #options: DispatchOptions
  /** For handlers without one of their own. */
  readonly #authenticate: Handler['authenticate']
  /** Replaced, never changed: a connection keeps those it has begun with. */
  #middleware: readonly Middleware[] = []
  readonly #waiting = new Map<Socket, Gate>()
  readonly #sweep = new Sweep(SWEEP_MS, (nowMs) => this.#onSweep(nowMs))

  constructor(listeners: ServerListeners, options: DispatchOptions, authenticate?: Handler['authenticate']) {
    this.#listeners = listeners
    this.#delivery = new Delivery(listeners, options.binaryType)
    this.#options = options
    this.#authenticate = authenticate
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

  /** Whether no promise of the application is pending, of whatever connection. */
  get isIdle(): boolean {
    return this.#delivery.isIdle
  }

  /** Calls back once, when the last of those that are pending has settled. */
  onceIdle(callback: () => void): void {
    this.#delivery.onceIdle(callback)
  }

  // ── from the engine ──

  onConnection(socket: Socket): void {
    const middleware = this.#middleware
    const isGuarded = middleware.length > 0 || this.#mustAuthenticate(socket)
    if (!isGuarded) this.#resume(socket)
    this.#listeners.onConnection(socket)
    const mustWait = isGuarded || handlerOf(socket)?.open !== undefined || socket.session?.isRecovering
    if (!mustWait) return this.#listeners.onReady(socket)
    const gate = this.#hold(socket)
    this.#pass(socket, gate, middleware, 0)
    if (gate.stage === 'middleware') this.#wait(socket, gate, this.#options.middlewareTimeoutMs)
  }

  /** In a shard: another thread's middleware decides about this connection, and `admit` or `close` says how. */
  hold(socket: Socket): void {
    this.#hold(socket)
  }

  admit(socket: Socket): void {
    const { gate } = socket
    if (gate?.stage === 'middleware') this.#admit(socket, gate)
  }

  /** In a shard: the connection has come from another one, where it was let in. Messages wait while `attach` works. */
  attach(socket: Socket, state: unknown): void {
    const handler = handlerOf(socket)
    if (handler?.attach === undefined) return
    const gate = this.#hold(socket)
    gate.enter()
    const work = this.#delivery.call(socket, handler.attach, handler, [socket, state])
    if (work === undefined) return this.#ready(socket, gate)
    this.#wait(socket, gate, Number.POSITIVE_INFINITY)
    void work.then(() => this.#ready(socket, gate))
  }

  onMessage(socket: Socket, message: Buffer, isBinary: boolean): Promise<unknown> | undefined {
    const { gate } = socket
    // A copy: a held view would hold the whole batch.
    if (gate !== null) return gate.hold(Buffer.from(message), isBinary)
    const work = this.#delivery.message(socket, message, isBinary)
    if (work !== undefined && this.#options.serialize) this.#holdWhile(socket, this.#hold(socket, 'busy'), work)
    return work
  }

  onClose(socket: Socket, code: number, reason: string): void {
    const tell = (): void => {
      this.#forget(socket)
      this.#listeners.onClose(socket, code, reason)
      this.#delivery.tell(socket, 'close', code, reason)
    }
    const { gate } = socket
    if (gate === null) return tell()
    // A handler may go on for ever, and somebody may have to clean up.
    if (gate.stage === 'open' || gate.stage === 'busy') this.#wait(socket, gate, this.#options.middlewareTimeoutMs)
    gate.holdClose(tell)
  }

  onError(socket: Socket | null, error: Error): void {
    this.#delivery.error(socket, error)
  }

  onDrain(socket: Socket): void {
    this.#listeners.onDrain(socket)
    this.#delivery.tell(socket, 'drain')
  }

  onDropped(socket: Socket): void {
    this.#listeners.onDropped(socket)
  }

  onJoined(socket: Socket, room: string): void {
    this.#listeners.onJoined(socket, room)
    this.#delivery.tell(socket, 'room:join', room)
  }

  onLeft(socket: Socket, room: string): void {
    this.#listeners.onLeft(socket, room)
    this.#delivery.tell(socket, 'room:leave', room)
  }

  onPing(socket: Socket, payload: Buffer): void {
    if (isIn(socket)) this.#delivery.tell(socket, 'ping', payload)
  }

  onPong(socket: Socket, payload: Buffer): void {
    if (isIn(socket)) this.#delivery.tell(socket, 'pong', payload)
  }

  // ── a new connection ──

  #pass(socket: Socket, gate: Gate, middleware: readonly Middleware[], index: number): void {
    if (gate.stage !== 'middleware') return
    const step = middleware[index]
    if (step === undefined) return this.#admit(socket, gate)
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
    this.#delivery.failed(socket, error)
    socket.close(CloseCode.INTERNAL_ERROR, 'middleware failed')
  }

  /** The middleware has let it in. */
  #admit(socket: Socket, gate: Gate): void {
    if (!this.#mustAuthenticate(socket)) return this.#enter(socket, gate)
    gate.authenticate()
    this.#wait(socket, gate, this.#options.authTimeoutMs)
    void this.#authenticated(socket, gate)
  }

  #mustAuthenticate(socket: Socket): boolean {
    const handler: (Handler & Partial<StandIn>) | null = handlerOf(socket)
    if (handler?.isStandIn) return false
    return this.#options.isAuthRequired || handler?.authenticate !== undefined
  }

  /** Asks about one message after the other until one says who it is. */
  async #authenticated(socket: Socket, gate: Gate): Promise<void> {
    for (let held = await gate.next(); held !== undefined; held = await gate.next()) {
      const user = await this.#ask(socket, held)
      held.done()
      if (gate.stage !== 'authentication') return
      if (user === undefined || user === null || user === false) continue
      if (user !== true) socket.user = user
      return this.#enter(socket, gate)
    }
    gate.refuse()
  }

  /** Never rejects. */
  async #ask(socket: Socket, { message, isBinary }: Held): Promise<unknown> {
    const handler = handlerOf(socket)
    try {
      const data = this.#delivery.dataOf(message, isBinary)
      if (handler?.authenticate !== undefined) return await handler.authenticate(socket, data, isBinary)
      return await this.#authenticate?.(socket, data, isBinary)
    } catch (error) {
      this.#delivery.failed(socket, error as Error)
      socket.close(CloseCode.POLICY_VIOLATION, 'authentication failed')
      return undefined
    }
  }

  #enter(socket: Socket, gate: Gate): void {
    gate.enter()
    gate.dueMs = gate.isClosed ? this.#dueMs(this.#options.middlewareTimeoutMs) : Number.POSITIVE_INFINITY
    if (!this.#resume(socket)) return
    carryUser(socket)
    const rejoining = socket.session?.rejoin(socket)
    if (rejoining === undefined) return this.#open(socket, gate)
    this.#waiting.set(socket, gate)
    this.#sweep.start()
    void rejoining.then(() => {
      if (gate.stage === 'open') this.#open(socket, gate)
    })
  }

  /** Gives it what its session holds, the rooms excepted. False: the session is not its own, and it is closed. */
  #resume(socket: Socket): boolean {
    if (socket.session?.begin(socket) !== false) return true
    socket.close(CloseCode.POLICY_VIOLATION, 'session of another user')
    return false
  }

  #open(socket: Socket, gate: Gate): void {
    const handler = handlerOf(socket)
    const work =
      handler?.open === undefined
        ? undefined
        : this.#delivery.call(socket, handler.open, handler, [socket, socket.request])
    if (work === undefined) return this.#ready(socket, gate)
    // It has closed the connection itself before it began to wait.
    if (gate.stage === 'refused') return
    this.#waiting.set(socket, gate)
    this.#sweep.start()
    void work.then(() => this.#ready(socket, gate))
  }

  /** The handler takes messages. */
  #ready(socket: Socket, gate: Gate): void {
    this.#listeners.onReady(socket)
    if (!this.#options.serialize) return this.#release(socket, gate)
    gate.serve()
    this.#next(socket, gate)
  }

  /** With `serialize`: the next message, once the handler is done with the one before. */
  #next(socket: Socket, gate: Gate): void {
    const work = gate.deliverUntilBusy()
    if (work === undefined) this.#release(socket, gate)
    else this.#holdWhile(socket, gate, work)
  }

  #holdWhile(socket: Socket, gate: Gate, work: Promise<unknown>): void {
    void work.then(() => this.#next(socket, gate))
  }

  #hold(socket: Socket, stage?: 'busy'): Gate {
    const gate = new Gate((message, isBinary) => this.#delivery.message(socket, message, isBinary), stage)
    socket.gate = gate
    return gate
  }

  #wait(socket: Socket, gate: Gate, timeoutMs: number): void {
    gate.dueMs = this.#dueMs(timeoutMs)
    this.#waiting.set(socket, gate)
    this.#sweep.start()
  }

  #release(socket: Socket, gate: Gate): void {
    // What was refused stays refused until it has closed; what was given up is through.
    if (gate.stage === 'refused' || gate.stage === 'through') return
    this.#forget(socket)
    socket.gate = null
    gate.release()
  }

  #forget(socket: Socket): void {
    if (this.#waiting.delete(socket) && this.#waiting.size === 0) this.#sweep.stop()
  }

  #dueMs(timeoutMs: number): number {
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
    const { stage } = gate
    if (stage === 'open' || stage === 'busy') return this.#release(socket, gate)
    if (stage === 'refused') return
    const code = stage === 'middleware' ? 'MIDDLEWARE_TIMEOUT' : 'AUTH_TIMEOUT'
    this.#listeners.onTimeout(socket, code)
    this.onError(socket, new ShardwsError(code))
    socket.close(CloseCode.POLICY_VIOLATION, `${stage} timeout`)
  }
}

/** One that is not let in yet hears of its messages only. */
function isIn({ gate }: Socket): boolean {
  return gate === null || gate.stage === 'busy'
}

/** Whom the middleware has found is known as `verifyClient`'s find is. */
function carryUser({ data, user }: Socket): void {
  if (user === undefined || typeof data !== 'object' || data === null) return
  const record = data as { user?: unknown }
  record.user ??= user
}
