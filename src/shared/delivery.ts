import { asBinaryType, type BinaryType } from './binary-type.ts'
import type { Handler } from './handler.ts'
import { validateMessage } from './message-validation.ts'
import { CloseCode } from './protocol/close-codes.ts'
import type { ServerListeners } from './server-listeners.ts'
import type { Socket } from './socket.ts'
import type { SocketEvent } from './socket-events.ts'
import { bothOf, isThenable } from './work.ts'

/**
 * Calls who hears of a connection: first the listeners of the server, then the handler of its route, then the listeners of
 * the socket. What one of them throws or rejects with is an error of this connection and nothing else.
 */
export class Delivery {
  readonly #listeners: ServerListeners
  readonly #binaryType: BinaryType
  /** Promises of the application that are pending. */
  #atWork = 0
  readonly #onIdle: (() => void)[] = []

  constructor(listeners: ServerListeners, binaryType: BinaryType) {
    this.#listeners = listeners
    this.#binaryType = binaryType
  }

  /** Returns a promise that never rejects if the application works on the message until then. */
  message(socket: Socket, message: Buffer, isBinary: boolean): Promise<unknown> | undefined {
    const handler = handlerOf(socket)
    if (handler?.validate !== undefined && !this.#isValid(socket, handler, message, isBinary)) return undefined
    let work = this.#listeners.onMessage(socket, message, isBinary)
    const listeners = socket.takeListeners('message')
    if (handler?.message === undefined && listeners.length === 0) return work
    const data = this.dataOf(message, isBinary)
    if (handler?.message !== undefined) work = bothOf(work, this.#handle(socket, handler, data, isBinary))
    for (const listener of listeners) work = bothOf(work, this.call(socket, listener, socket, [data, isBinary]))
    return work
  }

  /** As `call`, without its array of arguments: this is what happens most. */
  #handle(socket: Socket, handler: Handler, data: string | Buffer, isBinary: boolean): Promise<unknown> | undefined {
    try {
      const result = handler.message?.(socket, data, isBinary)
      return isThenable(result) ? this.#settled(socket, result) : undefined
    } catch (error) {
      this.failed(socket, error as Error)
      return undefined
    }
  }

  /** The types know the default only. */
  dataOf(message: Buffer, isBinary: boolean): string | Buffer {
    return isBinary ? (asBinaryType(message, this.#binaryType) as Buffer) : message.toString()
  }

  /** Whether no promise of the application is pending. */
  get isIdle(): boolean {
    return this.#atWork === 0
  }

  /** Calls back once, when the last of those that are pending has settled. */
  onceIdle(callback: () => void): void {
    this.#onIdle.push(callback)
  }

  error(socket: Socket | null, error: Error): void {
    this.#listeners.onError(socket, error)
    if (socket === null) return
    const handler = handlerOf(socket)
    if (handler?.error !== undefined) this.#tryOnError(handler.error, handler, socket, error)
    for (const listener of socket.takeListeners('error')) this.#tryOnError(listener, socket, error)
  }

  #isValid(socket: Socket, { validate, onInvalid }: Handler, message: Buffer, isBinary: boolean): boolean {
    if (validate === undefined) return true
    try {
      const error = validateMessage(validate, message, isBinary)
      if (error === null) return true
      this.#listeners.onInvalidMessage()
      this.error(socket, error)
      if (onInvalid === 'close') socket.close(CloseCode.POLICY_VIOLATION, error.message)
    } catch (error) {
      this.failed(socket, error as Error)
    }
    return false
  }

  tell(socket: Socket, event: Exclude<SocketEvent, 'message' | 'error'>, ...args: readonly unknown[]): void {
    const handler = handlerOf(socket)
    const handle = event === 'room:join' || event === 'room:leave' ? undefined : handler?.[event]
    if (handle !== undefined) void this.call(socket, handle, handler, [socket, ...args])
    for (const listener of socket.takeListeners(event)) void this.call(socket, listener, socket, args)
  }

  /** Returns a promise that never rejects if the application is not done yet. */
  call(
    socket: Socket,
    listener: (...args: never[]) => unknown,
    self: unknown,
    args: readonly unknown[],
  ): Promise<unknown> | undefined {
    try {
      const result: unknown = Reflect.apply(listener, self, args)
      return isThenable(result) ? this.#settled(socket, result) : undefined
    } catch (error) {
      this.failed(socket, error as Error)
      return undefined
    }
  }

  #settled(socket: Socket, result: PromiseLike<unknown>): Promise<unknown> {
    this.#atWork++
    return Promise.resolve(result).then(
      () => this.#done(),
      (error) => {
        this.failed(socket, error as Error)
        this.#done()
      },
    )
  }

  #done(): void {
    if (--this.#atWork === 0) for (const callback of this.#onIdle.splice(0)) callback()
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

  /** Code of the application has failed. */
  failed(socket: Socket, error: Error): void {
    this.#listeners.onHandlerError()
    this.error(socket, error)
  }
}

export function handlerOf({ handler }: Socket): Handler | null {
  return handler as Handler | null
}
