import { ShardwsError } from '../shared/errors.ts'
import { CloseCode } from '../shared/protocol/close-codes.ts'
import type { EngineObserver } from './engine.ts'
import { Gate } from './gate.ts'
import type { Logger } from './logger.ts'
import type { Peer } from './peer.ts'
import type { Middleware, RouteHandler } from './routes.ts'
import type { WebSocketServerEvents } from './server-events.ts'
import type { ShutdownPlan } from './shutdown-options.ts'
import type { SocketEvent } from './socket-events.ts'
import type { ShardEvent } from './supervisor.ts'
import { Sweep } from './sweep.ts'
import type { UpgradeRequest } from './upgrade-request.ts'
import { bothOf, isThenable } from './work.ts'

/** How late a connection that does not get on may be noticed. */
const SWEEP_MS = 50

/** What the server's own listeners hear; none of these throws. */
export interface ServerListeners {
  emit<Name extends keyof WebSocketServerEvents>(name: Name, ...args: WebSocketServerEvents[Name]): void
  /** Returns a promise that never rejects if a listener works on the message until then. */
  emitMessage(id: string, message: Buffer, isBinary: boolean): Promise<unknown> | undefined
  emitError(id: string | null, error: Error): void
  /** Code of the application threw or rejected. */
  countHandlerError(): void
  /** A connection was closed because its middleware did not get on. */
  onMiddlewareTimeout(peer: Peer): void
}

export interface DispatcherOptions {
  readonly middlewareTimeoutMs: number
  readonly logger: Logger
}

/**
 * Tells the application what happens to a connection: first the listeners of the server, then the handler of its route,
 * then the listeners of the socket. A new connection passes the middleware before its handler.
 */
export class Dispatcher implements EngineObserver {
  readonly #listeners: ServerListeners
  readonly #options: DispatcherOptions
  /** Replaced, never changed: a connection keeps those it has begun with. */
  #middleware: readonly Middleware[] = []
  readonly #waiting = new Map<Peer, Gate>()
  readonly #sweep = new Sweep(SWEEP_MS, (nowMs) => this.#onSweep(nowMs))

  constructor(listeners: ServerListeners, options: DispatcherOptions) {
    this.#listeners = listeners
    this.#options = options
  }

  use(middleware: Middleware): void {
    this.#middleware = [...this.#middleware, middleware]
  }

  /** No connection waits any longer. */
  stop(): void {
    for (const [peer, gate] of this.#waiting) this.#giveUp(peer, gate)
  }

  // ── from the engine ──

  onConnection(peer: Peer, request: UpgradeRequest): void {
    this.#listeners.emit('connection', peer.id, request)
    const middleware = this.#middleware
    if (middleware.length === 0 && handlerOf(peer)?.open === undefined) return
    const gate = new Gate()
    peer.gate = gate
    this.#pass(peer, gate, middleware, 0)
    if (gate.stage === 'middleware') this.#wait(peer, gate)
  }

  onMessage(peer: Peer, message: Buffer, isBinary: boolean): Promise<unknown> | undefined {
    const { gate } = peer
    if (gate === null) return this.#deliver(peer, message, isBinary)
    // A copy: a held view would hold the whole batch.
    const copy = Buffer.from(message)
    return gate.hold(() => this.#deliver(peer, copy, isBinary))
  }

  onClose(peer: Peer, code: number, reason: string): void {
    const tell = (): void => {
      this.#forget(peer)
      this.#listeners.emit('close', peer.id, code, reason)
      this.#tell(peer, 'close', code, reason)
    }
    const { gate } = peer
    if (gate === null) return tell()
    // `open` may go on for ever, and somebody may have to clean up.
    if (gate.stage === 'open') gate.dueMs = this.#dueMs()
    gate.holdClose(tell)
  }

  onError(peer: Peer | null, error: Error): void {
    this.#listeners.emitError(peer?.id ?? null, error)
    if (peer === null) return
    const { error: handle } = handlerOf(peer) ?? {}
    if (handle !== undefined) this.#tryOnError(handle, handlerOf(peer), peer, error)
    for (const listener of peer.takeListeners('error')) this.#tryOnError(listener, peer, error)
  }

  onDrain(peer: Peer): void {
    this.#listeners.emit('drain', peer.id)
    this.#tell(peer, 'drain')
  }

  onDropped(peer: Peer): void {
    this.#listeners.emit('dropped', peer.id)
  }

  onJoined(peer: Peer, room: string): void {
    this.#listeners.emit('room:join', peer.id, room)
    this.#tell(peer, 'room:join', room)
  }

  onLeft(peer: Peer, room: string): void {
    this.#listeners.emit('room:leave', peer.id, room)
    this.#tell(peer, 'room:leave', room)
  }

  onShardEvent(event: ShardEvent): void {
    this.#listeners.emit('shard', event)
  }

  onDraining(plan: ShutdownPlan): void {
    this.#listeners.emit('draining', plan)
  }

  // ── a new connection ──

  #pass(peer: Peer, gate: Gate, middleware: readonly Middleware[], index: number): void {
    if (gate.stage !== 'middleware') return
    const step = middleware[index]
    if (step === undefined) return this.#enter(peer, gate)
    let isCalled = false
    const next = (error?: unknown): void => {
      if (isCalled) return
      isCalled = true
      if (error === undefined || error === null) this.#pass(peer, gate, middleware, index + 1)
      else this.#fail(peer, error as Error)
    }
    try {
      const verdict = step(peer, peer.request, next)
      if (isThenable(verdict)) {
        verdict.then(
          (settled) => this.#judge(peer, settled),
          (error) => this.#fail(peer, error as Error),
        )
      } else this.#judge(peer, verdict)
    } catch (error) {
      this.#fail(peer, error as Error)
    }
  }

  #judge(peer: Peer, verdict: unknown): void {
    if (verdict === false) peer.close(CloseCode.POLICY_VIOLATION, 'refused')
  }

  #fail(peer: Peer, error: Error): void {
    this.#onHandlerError(peer, error)
    peer.close(CloseCode.INTERNAL_ERROR, 'middleware failed')
  }

  #enter(peer: Peer, gate: Gate): void {
    gate.enter()
    gate.dueMs = gate.isClosed ? this.#dueMs() : Number.POSITIVE_INFINITY
    carryUser(peer)
    const handler = handlerOf(peer)
    const work = handler?.open === undefined ? undefined : this.#call(peer, handler.open, handler, [peer, peer.request])
    if (work === undefined) return this.#release(peer, gate)
    // It has closed the connection itself before it began to wait.
    if (gate.stage === 'refused') return
    this.#wait(peer, gate)
    void work.then(() => this.#release(peer, gate))
  }

  #wait(peer: Peer, gate: Gate): void {
    if (gate.stage === 'middleware') gate.dueMs = this.#dueMs()
    this.#waiting.set(peer, gate)
    this.#sweep.start()
  }

  #release(peer: Peer, gate: Gate): void {
    // What was refused stays refused until it has closed.
    if (gate.stage === 'refused') return
    this.#forget(peer)
    peer.gate = null
    gate.release()
  }

  #forget(peer: Peer): void {
    if (this.#waiting.delete(peer) && this.#waiting.size === 0) this.#sweep.stop()
  }

  #dueMs(): number {
    const { middlewareTimeoutMs } = this.#options
    return middlewareTimeoutMs === 0 ? Number.POSITIVE_INFINITY : this.#sweep.nowMs + middlewareTimeoutMs
  }

  #onSweep(nowMs: number): void {
    for (const [peer, gate] of this.#waiting) {
      if (gate.stage === 'refused') this.#forget(peer)
      else if (nowMs >= gate.dueMs) this.#giveUp(peer, gate)
    }
  }

  #giveUp(peer: Peer, gate: Gate): void {
    this.#forget(peer)
    if (gate.stage === 'open') return this.#release(peer, gate)
    if (gate.stage === 'refused') return
    this.#listeners.onMiddlewareTimeout(peer)
    this.onError(peer, new ShardwsError('MIDDLEWARE_TIMEOUT'))
    peer.close(CloseCode.POLICY_VIOLATION, 'middleware timeout')
  }

  // ── to the application ──

  #deliver(peer: Peer, message: Buffer, isBinary: boolean): Promise<unknown> | undefined {
    let work = this.#listeners.emitMessage(peer.id, message, isBinary)
    const handler = handlerOf(peer)
    const listeners = peer.takeListeners('message')
    if (handler?.message === undefined && listeners.length === 0) return work
    const data = isBinary ? message : message.toString()
    if (handler?.message !== undefined) {
      work = bothOf(work, this.#call(peer, handler.message, handler, [peer, data, isBinary]))
    }
    for (const listener of listeners) work = bothOf(work, this.#call(peer, listener, peer, [data, isBinary]))
    return work
  }

  #tell(peer: Peer, event: Exclude<SocketEvent, 'message' | 'error'>, ...args: readonly unknown[]): void {
    const handler = handlerOf(peer)
    const handle = event === 'close' || event === 'drain' ? handler?.[event] : undefined
    if (handle !== undefined) void this.#call(peer, handle, handler, [peer, ...args])
    for (const listener of peer.takeListeners(event)) void this.#call(peer, listener, peer, args)
  }

  /** Returns a promise that never rejects if the application is not done yet. */
  #call(
    peer: Peer,
    listener: (...args: never[]) => unknown,
    self: unknown,
    args: readonly unknown[],
  ): Promise<unknown> | undefined {
    try {
      const result: unknown = Reflect.apply(listener, self, args)
      if (!isThenable(result)) return undefined
      return Promise.resolve(result).catch((error) => this.#onHandlerError(peer, error as Error))
    } catch (error) {
      this.#onHandlerError(peer, error as Error)
      return undefined
    }
  }

  /** To raise 'error' for what an error listener throws would call it again, for ever. */
  #tryOnError(listener: (...args: never[]) => unknown, self: unknown, ...args: readonly unknown[]): void {
    const log = (error: unknown): void =>
      this.#options.logger.error({ error: String(error) }, 'an error listener threw or rejected')
    try {
      const result: unknown = Reflect.apply(listener, self, args)
      if (isThenable(result)) result.then(undefined, log)
    } catch (error) {
      log(error)
    }
  }

  #onHandlerError(peer: Peer, error: Error): void {
    this.#listeners.countHandlerError()
    this.onError(peer, error)
  }
}

function handlerOf({ request }: Peer): RouteHandler | undefined {
  return request.match?.handler as RouteHandler | undefined
}

/** Whom the middleware has found is known as `verifyClient`'s find is. */
function carryUser({ data, user }: Peer): void {
  if (user === undefined || typeof data !== 'object' || data === null) return
  const record = data as { user?: unknown }
  record.user ??= user
}
