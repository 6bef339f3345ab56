import type { Logger } from './logger.ts'
import { SampledLog } from './sampled-log.ts'

/** Tells the operator which option's limit was reached, and by whom. */
export class LimitLog {
  readonly #log: SampledLog

  constructor(logger: Logger) {
    this.#log = new SampledLog(logger, 'info', 'limits reached')
  }

  /** @param details what it happened to. */
  reached(option: string, details: object): void {
    this.#log.write({ option, ...details }, `limit reached: ${option}`)
  }
}
