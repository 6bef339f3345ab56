/**
 * Codes after which the same client would fare no better: 1000 and 1005 (the server is done), 1002, 1003, 1007 and 1010 (the
 * two do not speak the same protocol), 1008 (policy), 3000 (unauthorized) and 3003 (forbidden).
 */
const FINAL_CODES: readonly number[] = [1000, 1002, 1003, 1005, 1007, 1008, 1010, 3000, 3003]

/** Of 4400 to 4499, which mirror HTTP 400 to 499: a timeout and too many requests pass. */
const PASSING_CODES: readonly number[] = [4408, 4429]

const HINT = /\bretry-after=(\d{1,9})\b/i
const MAX_HINT_MS = 3_600_000

/** Whether a connection that was closed with `code` is worth another attempt; everything not listed above is. */
export function isWorthReconnecting(code: number): boolean {
  if (code >= 4400 && code <= 4499) return PASSING_CODES.includes(code)
  return !FINAL_CODES.includes(code)
}

/**
 * The milliseconds that a close reason asks to wait, as in `retry-after=5` (seconds, as in HTTP), at most one hour; otherwise 0.
 * It is in the reason because a browser shows a page nothing else of a connection that ends.
 */
export function retryAfterMs(reason: string): number {
  const seconds = HINT.exec(reason)?.[1]
  return seconds === undefined ? 0 : Math.min(Number(seconds) * 1000, MAX_HINT_MS)
}
