import { randomFillSync } from 'node:crypto'
import type { ConnectionKey } from '../shared/connection-key.ts'

/** One system call per 256 ids. */
const RANDOM_POOL = new Uint32Array(512)
let nextRandom = RANDOM_POOL.length

/** Key, so that it is unique, and 64 random bits, so that it cannot be guessed. */
export function createConnectionId(key: ConnectionKey): string {
  if (nextRandom === RANDOM_POOL.length) {
    randomFillSync(RANDOM_POOL)
    nextRandom = 0
  }
  const high = RANDOM_POOL[nextRandom++] ?? 0
  const low = RANDOM_POOL[nextRandom++] ?? 0
  return `${key.toString(36)}-${high.toString(36)}${low.toString(36).padStart(7, '0')}`
}
