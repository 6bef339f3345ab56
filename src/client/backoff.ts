/** `backoff`: how long the client waits before each attempt. */
export interface BackoffOptions {
  /** The longest delay before the first attempt, milliseconds. Default 500. */
  readonly base?: number
  /** By how much it grows with each attempt in a row, and with each connection in a row that ends within 5 s. Default 2. */
  readonly factor?: number
  /** Where it stops growing, milliseconds. Default 30000. */
  readonly max?: number
  /**
   * Which part of the delay is random, 0 to 1. Default 1, full jitter: anything up to the delay, so that the clients of a
   * server that restarts do not all come back at once.
   */
  readonly jitter?: number
}

/** The milliseconds before attempt `attempt`, 1 being the first after a connection; `random` returns 0 to 1 as Math.random does. */
export function backoffMs(attempt: number, options: Required<BackoffOptions>, random: () => number): number {
  const { base, factor, max, jitter } = options
  const longest = Math.min(base * factor ** (attempt - 1), max)
  return longest * (1 - jitter * random())
}
