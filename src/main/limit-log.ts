import { performance } from 'node:perf_hooks'
import type { Logger } from './logger.ts'

/** Records a second; an attack must not become a flood of log lines. */
const MAX_PER_SECOND = 100

/** Tells the operator which option's limit was reached, and by whom. */
export class LimitLog {
  readonly #logger: Logger
  #second = 0
  #written = 0
  #suppressed = 0

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** @param details what it happened to. */
  reached(option: string, details: object): void {
    const second = Math.floor(performance.now() / 1000)
    if (second !== this.#second) this.#begin(second)
    if (this.#written === MAX_PER_SECOND) {
      this.#suppressed++
      return
    }
    this.#written++
    this.#logger.info({ option, ...details }, `limit reached: ${option}`)
  }

  #begin(second: number): void {
    this.#second = second
    this.#written = 0
    if (this.#suppressed > 0)
      this.#logger.info({ suppressed: this.#suppressed }, 'limits reached, not logged one by one')
    this.#suppressed = 0
  }
}
