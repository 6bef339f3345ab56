import type { ConnectionKey } from '../src/shared/connection-key.ts'
import type { Moving } from '../src/shared/messages.ts'
import type { Connection } from './connection.ts'

/** What is done to a connection as soon as it is here. */
export type Action = (connection: Connection) => unknown

interface Entry {
  readonly publisher: number
  /** Null: it concerns every connection. */
  readonly key: ConnectionKey | null
  readonly action: Action
}

/** Connections that move to this shard: what has been sent to them meanwhile, in the order of each sender. */
export class MoveArrival {
  readonly moving: Moving
  /** Who sends to this shard what is for these connections, this shard included. */
  readonly cuts = new Set<number>()
  readonly #awaited: Set<ConnectionKey>
  /** Those that are here and may not be read yet. */
  readonly #connections: Connection[] = []
  readonly #log: Entry[] = []
  /** Everybody who is to come has. */
  #isComplete = false
  /** Connections whose socket has not arrived. */
  #unopened = 0
  /** Main has heard everything from the former shard. */
  #isStarted = false

  constructor(moving: Moving) {
    this.moving = moving
    this.#awaited = new Set(moving.keys)
  }

  /** Those that are not here. */
  get awaited(): Iterable<ConnectionKey> {
    return this.#awaited
  }

  get isComplete(): boolean {
    return this.#isComplete
  }

  /** Nothing of these connections is on its way any more. */
  get isDone(): boolean {
    return this.#isComplete && this.#unopened === 0
  }

  /** A message for one connection. Returns whether it is on its way here. */
  defer(publisher: number, key: ConnectionKey, action: Action): boolean {
    if (!this.#awaited.has(key)) return false
    this.#log.push({ publisher, key, action })
    return true
  }

  /** A message for many. */
  deferAll(publisher: number, action: Action): void {
    if (this.#awaited.size > 0 && this.cuts.has(publisher)) this.#log.push({ publisher, key: null, action })
  }

  /** The connection is here: it gets what has been sent meanwhile. Returns whether it may be read. */
  arrive(connection: Connection): boolean {
    const { key } = connection
    this.#awaited.delete(key)
    for (const entry of this.#log) {
      // The former shard makes its cut by sending the connection: what it has sent before, it has delivered.
      if (entry.publisher !== this.moving.from && (entry.key === null || entry.key === key)) entry.action(connection)
    }
    this.#unopened++
    if (!this.#isStarted) this.#connections.push(connection)
    return this.#isStarted
  }

  /** The socket of one of these connections has arrived, or never will. */
  opened(): void {
    this.#unopened--
  }

  /** Those that are here may be read, and are returned. */
  start(): readonly Connection[] {
    this.#isStarted = true
    return this.#connections.splice(0)
  }

  /** Whoever is not here will not come. */
  settle(): void {
    this.#awaited.clear()
    this.#log.length = 0
    this.#isComplete = true
  }
}
