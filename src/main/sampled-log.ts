import { performance } from 'node:perf_hooks'
import type { Logger, LogLevel } from './logger.ts'

/** Records a second; an attack must not become a flood of log lines. */
const MAX_PER_SECOND = 100

/** Records of one kind: so many a second, and how many there were besides. */
export class SampledLog {
  readonly #logger: Logger
  readonly #level: LogLevel
  readonly #kind: string
  readonly #common: object
  #second = 0
  #written = 0
  #suppressed = 0

  /**
   * @param kind what they tell of, in the plural.
   * @param common details of every record.
   */
  constructor(logger: Logger, level: LogLevel, kind: string, common: object = {}) {
    this.#logger = logger
    this.#level = level
    this.#kind = kind
    this.#common = common
  }

  write(details: object, message: string): void {
    const second = Math.floor(performance.now() / 1000)
    if (second !== this.#second) this.#begin(second)
    if (this.#written === MAX_PER_SECOND) {
      this.#suppressed++
      return
    }
    this.#written++
    this.#logger[this.#level]({ ...this.#common, ...details }, message)
  }

  #begin(second: number): void {
    this.#second = second
    this.#written = 0
    if (this.#suppressed > 0) {
      const details = { ...this.#common, suppressed: this.#suppressed }
      this.#logger[this.#level](details, `${this.#kind}, not logged one by one`)
    }
    this.#suppressed = 0
  }
}
