/**
 * Codes after which the same client would fare no better: 1000 and 1005 (the server is done), 1002, 1003, 1007 and 1010 (the
 * two do not speak the same protocol), 1008 (policy), 3000 (unauthorized) and 3003 (forbidden).
 */
const FINAL_CODES: readonly number[] = [1000, 1002, 1003, 1005, 1007, 1008, 1010, 3000, 3003]

/** Of 4400 to 4499, which mirror HTTP 400 to 499: a timeout and too many requests pass. */
const PASSING_CODES: readonly number[] = [4408, 4429]

/** With these a client leaves for good: it is done, its page is, or its `close()` named no code. */
const FAREWELLS: readonly number[] = [1000, 1001, 1005]

/** Whether a connection that the server closed with `code` is worth another attempt; everything not listed above is. */
export function isWorthReconnecting(code: number): boolean {
  if (code >= 4400 && code <= 4499) return PASSING_CODES.includes(code)
  return !FINAL_CODES.includes(code)
}

/** Whether a client that closes with `code` will not come back. */
export function isFarewell(code: number): boolean {
  return FAREWELLS.includes(code)
}
