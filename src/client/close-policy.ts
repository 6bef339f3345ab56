const HINT = /\bretry-after=(\d{1,9})\b/i
const MAX_HINT_MS = 3_600_000

/**
 * The milliseconds that a close reason asks to wait, as in `retry-after=5` (seconds, as in HTTP), at most one hour; otherwise 0.
 * It is in the reason because a browser shows a page nothing else of a connection that ends.
 */
export function retryAfterMs(reason: string): number {
  const seconds = HINT.exec(reason)?.[1]
  return seconds === undefined ? 0 : Math.min(Number(seconds) * 1000, MAX_HINT_MS)
}
