/** Delivers one held message; returns what the application still works on. */
type Delivery = () => Promise<unknown> | undefined

interface Held {
  readonly deliver: Delivery
  readonly done: (work?: Promise<unknown>) => void
}

/** Where a new connection stands: `middleware` runs, `open` of its handler runs, it was `refused`, or it is `through`. */
type Stage = 'middleware' | 'open' | 'refused' | 'through'

/**
 * Holds the messages of a new connection, and its end, until its middleware and its handler's `open` are done with it.
 * It is bounded by `maxUnprocessedMessages` and `maxUnprocessedBytes`: what is held is not done.
 */
export class Gate {
  /** By when it must get on, by the clock of its owner. */
  dueMs = Number.POSITIVE_INFINITY
  #stage: Stage = 'middleware'
  #held: Held[] = []
  #close: (() => void) | null = null

  get stage(): Stage {
    return this.#stage
  }

  /** The connection has ended, and those who want to know have not been told yet. */
  get isClosed(): boolean {
    return this.#close !== null
  }

  /** The middleware has let it in. */
  enter(): void {
    if (this.#stage === 'middleware') this.#stage = 'open'
  }

  /** Fulfilled when the application is done with the message, never rejected; undefined: nobody gets it any more. */
  hold(deliver: Delivery): Promise<unknown> | undefined {
    if (this.#stage === 'refused') return undefined
    return new Promise((resolve) => this.#held.push({ deliver, done: resolve }))
  }

  /** The connection has ended: `close` tells of it behind what is held. */
  holdClose(close: () => void): void {
    this.#close = close
    if (this.#stage === 'refused') close()
  }

  /** Delivers what is held, in order. */
  release(): void {
    if (this.#stage === 'refused' || this.#stage === 'through') return
    this.#stage = 'through'
    for (const { deliver, done } of this.#held.splice(0)) done(deliver())
    this.#close?.()
  }

  /** Drops what is held and what still comes. */
  refuse(): void {
    if (this.#stage === 'refused' || this.#stage === 'through') return
    this.#stage = 'refused'
    // A connection that is not read would not see the answer to its close frame.
    for (const { done } of this.#held.splice(0)) done()
    this.#close?.()
  }
}
