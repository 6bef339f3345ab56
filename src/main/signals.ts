import type { Logger } from './logger.ts'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/** Tells of the signals that ask the process to end, until it is stopped: then they end it again, as without listeners. */
export class Signals {
  readonly #onFirst: (signal: string) => void
  readonly #onSecond: (signal: string) => void
  #wasAsked = false

  constructor(onFirst: (signal: string) => void, onSecond: (signal: string) => void) {
    this.#onFirst = onFirst
    this.#onSecond = onSecond
    for (const signal of SIGNALS) process.on(signal, this.#onSignal)
  }

  stop(): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal)
  }

  readonly #onSignal = (signal: string): void => {
    if (this.#wasAsked) return this.#onSecond(signal)
    this.#wasAsked = true
    this.#onFirst(signal)
  }
}

/** What a signal ends. */
interface Ending {
  shutdown(): unknown
  /** Destroys at once what that has not ended yet. */
  force(): void
}

/** The first signal begins the end, the second one cuts it short. */
export function endOnSignals({ shutdown, force }: Ending, logger: Logger): Signals {
  return new Signals(
    (signal) => {
      logger.info({ signal }, 'asked to end')
      void shutdown()
    },
    (signal) => {
      logger.warn({ signal }, 'asked to end again: connections are destroyed')
      force()
    },
  )
}
