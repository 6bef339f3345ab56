/** Milliseconds that a child may take for each step before the measurement is given up. */
export const START_DEADLINE_MS = 15_000
export const CONNECT_DEADLINE_MS = 60_000
export const SAMPLE_DEADLINE_MS = 10_000
