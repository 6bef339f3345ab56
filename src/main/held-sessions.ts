import { performance } from 'node:perf_hooks'
import type { SessionState } from '../shared/socket-session.ts'
import type { SessionCounters, SessionLimit } from './main-counters.ts'
import type { ResolvedSessions } from './session-options.ts'

/** A session whose connection has ended. */
export interface HeldSession {
  /** As it is looked up: the hash of the token, so that how long that takes tells nothing about tokens. */
  readonly hash: string
  readonly path: string
  /** Whom the handshake found: see `identityOf`. */
  readonly visitor: string
  readonly state: SessionState
}

/** About what a session takes besides its own bytes: objects, hashes, its place in the map. */
const OVERHEAD_BYTES = 512

/** Sessions that wait for their clients, within limits. It has no timer: what is over goes when anything is asked or added. */
export class HeldSessions {
  readonly #options: ResolvedSessions
  readonly #counters: SessionCounters
  readonly #onLimit: (limit: SessionLimit) => void
  /** The one that has waited longest comes first, and all wait for as long. */
  readonly #sessions = new Map<string, { session: HeldSession; bytes: number; dueMs: number }>()
  #bytes = 0

  constructor(options: ResolvedSessions, counters: SessionCounters, onLimit: (limit: SessionLimit) => void) {
    this.#options = options
    this.#counters = counters
    this.#onLimit = onLimit
  }

  get size(): number {
    this.#forgetOld()
    return this.#sessions.size
  }

  get bytes(): number {
    this.#forgetOld()
    return this.#bytes
  }

  add(session: HeldSession): void {
    this.#forgetOld()
    const bytes = bytesOf(session)
    this.#sessions.set(session.hash, { session, bytes, dueMs: performance.now() + this.#options.ttlMs })
    this.#bytes += bytes
    const { max, maxBytes } = this.#options
    while (this.#sessions.size > max) this.#evict('max')
    while (this.#bytes > maxBytes) this.#evict('maxBytes')
  }

  find(hash: string): HeldSession | undefined {
    this.#forgetOld()
    return this.#sessions.get(hash)?.session
  }

  remove(hash: string): void {
    this.#bytes -= this.#sessions.get(hash)?.bytes ?? 0
    this.#sessions.delete(hash)
  }

  #evict(limit: 'max' | 'maxBytes'): void {
    const [oldest] = this.#sessions.keys()
    if (oldest === undefined) return
    this.remove(oldest)
    this.#counters.evicted[limit]++
    this.#onLimit(limit)
  }

  #forgetOld(): void {
    const nowMs = performance.now()
    for (const [hash, { dueMs }] of this.#sessions) {
      if (dueMs > nowMs) return
      this.remove(hash)
      this.#counters.expired++
    }
  }
}

function bytesOf({ path, state: { data, rooms } }: HeldSession): number {
  return rooms.reduce((sum, room) => sum + Buffer.byteLength(room), OVERHEAD_BYTES + path.length + data.length)
}
