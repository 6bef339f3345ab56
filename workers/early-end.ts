import { ShardwsError } from '../src/shared/errors.ts'
import { CloseCode } from '../src/shared/protocol/close-codes.ts'
import { encodeError } from '../src/shared/values.ts'
import type { Connection } from './connection.ts'
import type { MainLink } from './main-link.ts'

/** How long the move of everybody may take when memory is short. */
const EVACUATION_MS = 3000

/** How long the connections of a shard that is out of memory may take for their closing handshakes. */
const RECYCLE_MS = 1000
/** The same in a shard whose own code has failed: what it still does, it may do wrong. */
const LAST_GASP_MS = 150

interface EndingShard {
  readonly connections: ReadonlyMap<unknown, Connection>
  stop(): void
  /** It is over at once, whatever is left. */
  onStopped(cause: Error): void
}

/** The end of a shard that cannot go on: its connections move to another one, or are told to come back. */
export class EarlyEnd {
  readonly #shard: EndingShard
  readonly #link: Pick<MainLink, 'faltered'>
  #hasBegun = false
  #cause: Error | null = null
  #deadline: NodeJS.Timeout | undefined

  constructor(shard: EndingShard, link: Pick<MainLink, 'faltered'>) {
    this.#shard = shard
    this.#link = link
  }

  /** The shard takes no new connections any more. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** Why it ends; null: main says so. */
  get cause(): Error | null {
    return this.#cause
  }

  /** The thread is about to run out of memory. */
  onExhausted(): void {
    if (this.#hasBegun) return
    this.#hasBegun = true
    const cause = new ShardwsError('SHARD_EXHAUSTED')
    this.#link.faltered(encodeError(cause))
    // Until then main may have moved them.
    this.#deadline = setTimeout(() => this.#end(cause, RECYCLE_MS), EVACUATION_MS)
  }

  /** The engine's own code has thrown: what there is cannot be trusted to move. */
  onFailed(error: unknown): void {
    // Not even that works.
    if (this.#cause !== null) return this.#shard.onStopped(this.#cause)
    this.#hasBegun = true
    clearTimeout(this.#deadline)
    this.#end(error instanceof Error ? error : new ShardwsError('SHARD_FAILED', String(error)), LAST_GASP_MS)
  }

  /** The shard stops. */
  stop(): void {
    clearTimeout(this.#deadline)
  }

  #end(cause: Error, withinMs: number): void {
    const { connections } = this.#shard
    this.#cause = cause
    for (const connection of connections.values()) connection.close(CloseCode.SERVICE_RESTART, 'shard replaced')
    if (connections.size === 0) this.#shard.stop()
    else this.#deadline = setTimeout(() => this.#shard.stop(), withinMs)
  }
}
