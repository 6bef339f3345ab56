import type { EventEmitter } from 'node:events'
import type { Dispatcher } from '../shared/dispatcher.ts'
import { ERRORS } from '../shared/errors.ts'
import type { ServerListeners, TimeoutCode } from '../shared/server-listeners.ts'
import type { Socket } from '../shared/socket.ts'
import { bothOf, isThenable } from '../shared/work.ts'
import { diagnostics } from './diagnostics.ts'
import type { Engine } from './engine.ts'
import type { WebSocketServerEvents } from './server-events.ts'
import type { ShardEvent } from './supervisor.ts'

/**
 * Calls the listeners of a server: what one of them throws or rejects with is an error of its connection, and neither stops
 * the others' messages nor ends the process.
 */
export class EmitterListeners implements ServerListeners {
  readonly #emitter: EventEmitter<WebSocketServerEvents>
  #engine!: Engine
  #dispatcher!: Dispatcher

  constructor(emitter: EventEmitter<WebSocketServerEvents>) {
    this.#emitter = emitter
  }

  /** To be called before anything happens: they are made with these listeners. */
  belongTo(engine: Engine, dispatcher: Dispatcher): void {
    this.#engine = engine
    this.#dispatcher = dispatcher
  }

  onConnection({ id, request }: Socket): void {
    diagnostics.connection(id, request)
    this.emit('connection', id, request)
  }

  /** Handlers on main: what they know is there to be read at any time. */
  onReady(): void {}

  /** As `emit`, but says whether listeners still work on the message: a peer that is faster than they are must wait. */
  onMessage({ id }: Socket, message: Buffer, isBinary: boolean): Promise<unknown> | undefined {
    let work: Promise<unknown> | undefined
    for (const listener of this.#emitter.rawListeners('message')) {
      try {
        const result: unknown = Reflect.apply(listener, this.#emitter, [id, message, isBinary])
        if (isThenable(result)) work = bothOf(work, this.#settle(result, id))
      } catch (error) {
        this.onFailed(error as Error, id)
      }
    }
    return work
  }

  onClose({ id }: Socket, code: number, reason: string): void {
    diagnostics.close(id, code, reason)
    this.emit('close', id, code, reason)
  }

  onError(socket: Socket | null, error: Error): void {
    this.#emitError(socket?.id ?? null, error)
  }

  onShardEvent(event: ShardEvent): void {
    diagnostics.shard(event)
    this.emit('shard', event)
  }

  onDrain({ id }: Socket): void {
    this.emit('drain', id)
  }

  onDropped({ id }: Socket): void {
    this.emit('dropped', id)
  }

  onJoined({ id }: Socket, room: string): void {
    this.emit('room:join', id, room)
  }

  onLeft({ id }: Socket, room: string): void {
    this.emit('room:leave', id, room)
  }

  onHandlerError(): void {
    this.#engine.counters.handlerErrors++
  }

  onErrorListenerFailed(error: unknown): void {
    this.#engine.options.logger.error({ error: String(error) }, 'an error listener threw or rejected')
  }

  onInvalidMessage(): void {
    this.#engine.counters.invalidMessages++
  }

  onTimeout({ id }: Socket, code: TimeoutCode): void {
    this.#engine.counters.timeouts[code]++
    this.#engine.limitLog.reached(ERRORS[code].option ?? code, { id, code })
  }

  emit<Name extends keyof WebSocketServerEvents>(name: Name, ...args: WebSocketServerEvents[Name]): void {
    try {
      // @ts-expect-error the types of EventEmitter cannot follow a generic name
      this.#emitter.emit(name, ...args)
    } catch (error) {
      this.onFailed(error as Error, args[0])
    }
  }

  /** A listener has thrown or rejected; `id` is the first argument of its event. */
  onFailed(error: Error, id: unknown): void {
    this.#engine.counters.handlerErrors++
    const peer = typeof id === 'string' ? this.#engine.peers.find(id) : undefined
    // A connection that has closed is not known any more, but its id may be.
    if (peer === undefined) this.#emitError(typeof id === 'string' ? id : null, error)
    else this.#dispatcher.onError(peer, error)
  }

  async #settle(result: PromiseLike<unknown>, id: string): Promise<void> {
    try {
      await result
    } catch (error) {
      this.onFailed(error as Error, id)
    }
  }

  /** An 'error' event that nobody hears would end the process. */
  #emitError(id: string | null, error: Error): void {
    diagnostics.error(id, error)
    const { logger } = this.#engine.options
    if (this.#emitter.listenerCount('error') === 0) {
      // A thousand peers that vanish are a thousand errors: nothing to wake anybody for.
      logger[id === null ? 'warn' : 'debug']({ id, error: error.message }, 'error')
      return
    }
    try {
      this.#emitter.emit('error', id, error)
    } catch (cause) {
      logger.error({ id, error: String(cause) }, 'an error listener threw')
    }
  }
}
