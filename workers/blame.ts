import { AsyncLocalStorage } from 'node:async_hooks'
import type { ShardSocket } from './shard-socket.ts'

/** Knows for which connection the code runs that a handler has begun, however much later: whose fault an uncaught error is. */
export class Blame {
  readonly #current = new AsyncLocalStorage<ShardSocket>()

  /** Null: nobody's. */
  get culprit(): ShardSocket | null {
    return this.#current.getStore() ?? null
  }

  run<Args extends readonly unknown[], Result>(
    socket: ShardSocket,
    work: (...args: Args) => Result,
    ...args: Args
  ): Result {
    return this.#current.run(socket, work, ...args)
  }
}
