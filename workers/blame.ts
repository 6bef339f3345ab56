import { AsyncLocalStorage } from 'node:async_hooks'

/** A connection that can be closed for what its handler has done. */
export interface Culprit {
  close(code: number, reason: string): void
}

/** Knows for which connection the code runs that a handler has begun, however much later: whose fault an uncaught error is. */
export class Blame {
  readonly #current = new AsyncLocalStorage<Culprit>()

  /** Null: nobody's. */
  get culprit(): Culprit | null {
    return this.#current.getStore() ?? null
  }

  /** From now on, in what a read from this connection's socket sets off: it has an execution context of its own. */
  enter(socket: Culprit): void {
    // To enter makes a new context; a read often brings several messages.
    if (this.#current.getStore() !== socket) this.#current.enterWith(socket)
  }

  run<Result>(socket: Culprit, work: () => Result): Result {
    return this.#current.run(socket, work)
  }
}
