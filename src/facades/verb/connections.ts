import type { Handler } from '../../shared/handler.ts'
import type { Admission } from './admission.ts'
import type { VerbHandlers } from './options.ts'
import { closeAsVerb } from './ping-timeout.ts'
import type { UpgradeAttempt } from './upgrade-attempt.ts'
import type { EngineSocket, VerbSocket } from './verb-socket.ts'

/** Which code hears of a connection: the handlers of `withOptions`, the route that has asked for it, or nobody. */
export class Connections<Data> {
  /** Replaced by `withOptions`: connections that are open already hear of it. */
  handlers: VerbHandlers<Data> | null = null
  readonly #admission: Admission
  /** Those that the handlers do not hear of: with the attempt of their route, or null for one too many. */
  readonly #others = new Map<EngineSocket, UpgradeAttempt | null>()

  constructor(admission: Admission) {
    this.#admission = admission
  }

  /** A connection is open. */
  onConnection(socket: EngineSocket, attempt: UpgradeAttempt | null): void {
    if (!this.#admission.admit(socket)) this.#others.set(socket, attempt?.isRouted ? attempt : null)
    else if (attempt?.isRouted) this.#others.set(socket, attempt)
    attempt?.open(socket)
  }

  /** What the engine tells. */
  handler(): Handler<unknown> {
    const tell =
      <Name extends keyof VerbHandlers<Data>>(name: Name) =>
      (socket: EngineSocket, ...args: unknown[]): unknown => {
        const handle = this.handlers?.[name] as ((...args: unknown[]) => unknown) | undefined
        if (handle === undefined || this.#others.has(socket)) return undefined
        return Reflect.apply(handle, this.handlers, [asVerb<Data>(socket), ...args])
      }
    const [open, close] = [tell('open'), tell('close')]
    const relays: { readonly [Name in keyof VerbHandlers]: (socket: EngineSocket, ...args: never[]) => unknown } = {
      open: (socket) => (this.#others.has(socket) ? this.#others.get(socket)?.whenListening : open(socket)),
      message: tell('message'),
      close: (socket, code, reason) => {
        this.#admission.leave(socket)
        const result = close(socket, ...closeAsVerb(code, reason))
        this.#others.delete(socket)
        return result
      },
      error: tell('error'),
      drain: tell('drain'),
      ping: tell('ping'),
      pong: tell('pong'),
    }
    return relays as Handler<unknown>
  }
}

function asVerb<Data>(socket: EngineSocket): VerbSocket<Data> {
  return socket as unknown as VerbSocket<Data>
}
