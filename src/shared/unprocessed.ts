import type { ShardOptions } from './messages.ts'

/** Who reads the connection. */
interface Reader {
  /** `limit`: the option whose limit was reached. */
  pause(limit: 'maxUnprocessedMessages' | 'maxUnprocessedBytes'): void
  resume(): void
}

/** The messages of one connection that the application works on: past the limit it gets no more until half are done. */
export class Unprocessed {
  readonly #options: ShardOptions
  readonly #reader: Reader
  #messages = 0
  #bytes = 0
  #isPaused = false
  #onIdle: (() => void)[] = []

  constructor(options: ShardOptions, reader: Reader) {
    this.#options = options
    this.#reader = reader
  }

  /** Calls back once the application is done with everything: at once if it is. */
  onceIdle(callback: () => void): void {
    if (this.#messages === 0) callback()
    else this.#onIdle.push(callback)
  }

  /** `work` settles when the application is done with a message; it must not reject. */
  add(work: Promise<unknown>, bytes: number): void {
    const { maxUnprocessedBytes, maxUnprocessedMessages } = this.#options
    this.#messages++
    this.#bytes += bytes
    void work.then(() => this.#remove(bytes))
    const isOverMessages = this.#messages >= maxUnprocessedMessages
    if (this.#isPaused || !(isOverMessages || this.#bytes >= maxUnprocessedBytes)) return
    this.#isPaused = true
    this.#reader.pause(isOverMessages ? 'maxUnprocessedMessages' : 'maxUnprocessedBytes')
  }

  #remove(bytes: number): void {
    const { maxUnprocessedBytes, maxUnprocessedMessages } = this.#options
    this.#messages--
    this.#bytes -= bytes
    if (this.#messages === 0) for (const callback of this.#onIdle.splice(0)) callback()
    if (!this.#isPaused) return
    if (this.#messages > maxUnprocessedMessages / 2 || this.#bytes > maxUnprocessedBytes / 2) return
    this.#isPaused = false
    this.#reader.resume()
  }
}
