import { randomFillSync } from 'node:crypto'
import type { Nonce } from '../shared/connection-id.ts'

/** One system call per 256 of them. */
const POOL = new Int32Array(512)
let next = POOL.length

export function createNonce(): Nonce {
  if (next === POOL.length) {
    randomFillSync(POOL)
    next = 0
  }
  return { high: POOL[next++] ?? 0, low: POOL[next++] ?? 0 }
}
