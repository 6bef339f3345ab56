/** Delivers one message; returns what the application still works on. */
type Deliver = (message: Buffer, isBinary: boolean) => Promise<unknown> | undefined

/** A message that waits. */
export interface Held {
  readonly message: Buffer
  readonly isBinary: boolean
  readonly done: (work?: Promise<unknown>) => void
}

/**
 * Where a connection stands: its `middleware` runs, it must still say who it is (`authentication`), `open` of its handler
 * runs, its handler is `busy` with a message and takes one at a time, it was `refused`, or it is `through`.
 */
type Stage = 'middleware' | 'authentication' | 'open' | 'busy' | 'refused' | 'through'

/**
 * Holds the messages of a connection, and its end, until its middleware and its handler are done with it. It is bounded by
 * `maxUnprocessedMessages` and `maxUnprocessedBytes`: what is held is not done.
 */
export class Gate {
  /** By when it must get on, by the clock of its owner. */
  dueMs = Number.POSITIVE_INFINITY
  readonly #deliver: Deliver
  #stage: Stage
  #held: Held[] = []
  #close: (() => void) | null = null
  /** Who waits for the next message to be held. */
  #onHeld: (() => void) | null = null

  constructor(deliver: Deliver, stage: 'middleware' | 'busy' = 'middleware') {
    this.#deliver = deliver
    this.#stage = stage
  }

  get stage(): Stage {
    return this.#stage
  }

  /** The connection has ended, and those who want to know have not been told yet. */
  get isClosed(): boolean {
    return this.#close !== null
  }

  /** The middleware has let it in, but not further. */
  authenticate(): void {
    if (this.#stage === 'middleware') this.#stage = 'authentication'
  }

  /** Middleware and authentication have let it in. */
  enter(): void {
    if (this.#stage === 'middleware' || this.#stage === 'authentication') this.#stage = 'open'
  }

  /** The handler is ready, and takes one message at a time. */
  serve(): void {
    if (this.#stage === 'open') this.#stage = 'busy'
  }

  /** Fulfilled when the application is done with the message, never rejected; undefined: nobody gets it any more. */
  hold(message: Buffer, isBinary: boolean): Promise<unknown> | undefined {
    if (this.#stage === 'refused') return undefined
    return new Promise((resolve) => {
      this.#held.push({ message, isBinary, done: resolve })
      this.#wake()
    })
  }

  /** The connection has ended: `close` tells of it behind what is held. */
  holdClose(close: () => void): void {
    this.#close = close
    if (this.#stage === 'refused') close()
    this.#wake()
  }

  /** The first message that is held, now or later, taken out; undefined: there will be none. For one caller at a time. */
  async next(): Promise<Held | undefined> {
    while (this.#held.length === 0 && this.#close === null && this.#stage !== 'refused') {
      await new Promise<void>((resolve) => {
        this.#onHeld = resolve
      })
    }
    return this.#held.shift()
  }

  /** Delivers held messages until the application works on one: returns until when. */
  deliverUntilBusy(): Promise<unknown> | undefined {
    for (let held = this.#held.shift(); held !== undefined; held = this.#held.shift()) {
      const work = this.#deliver(held.message, held.isBinary)
      held.done(work)
      if (work !== undefined) return work
    }
    return undefined
  }

  /** Delivers what is held, in order. */
  release(): void {
    if (this.#stage === 'refused' || this.#stage === 'through') return
    this.#stage = 'through'
    for (const { message, isBinary, done } of this.#held.splice(0)) done(this.#deliver(message, isBinary))
    this.#close?.()
  }

  /** Drops what is held and what still comes. One that was let in long ago is heard to its end. */
  refuse(): void {
    if (this.#stage === 'refused' || this.#stage === 'through' || this.#stage === 'busy') return
    this.#stage = 'refused'
    // A connection that is not read would not see the answer to its close frame.
    for (const { done } of this.#held.splice(0)) done()
    this.#wake()
    this.#close?.()
  }

  #wake(): void {
    this.#onHeld?.()
    this.#onHeld = null
  }
}
