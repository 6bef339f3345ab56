import { setTimeout as delay } from 'node:timers/promises'

/** Resolves when `work` is done, or after `ms`: a server that never answers must not hold up the attack. */
export async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  const timeout = new AbortController()
  await Promise.race([work, delay(ms, undefined, { signal: timeout.signal }).catch(() => {})])
  timeout.abort()
}
