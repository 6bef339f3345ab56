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
