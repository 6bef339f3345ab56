import { performance } from 'node:perf_hooks'

/** What asking may cost: this fraction of the thread's time. */
const MOST_SHARE = 0.01

/** A question whose answer takes time that grows with the server: the more it takes, the more rarely it is asked. */
export class Paced<Answer> {
  readonly #ask: () => Answer
  #answer: Answer | undefined
  #nextMs = Number.NEGATIVE_INFINITY

  constructor(ask: () => Answer) {
    this.#ask = ask
  }

  /** The present answer, or the last one. */
  read(): Answer {
    const startedMs = performance.now()
    if (this.#answer !== undefined && startedMs < this.#nextMs) return this.#answer
    this.#answer = this.#ask()
    const endedMs = performance.now()
    this.#nextMs = endedMs + (endedMs - startedMs) / MOST_SHARE
    return this.#answer
  }
}
