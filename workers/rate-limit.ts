import type { RateLimitOptions } from '../src/shared/messages.ts'
import { TokenBucket } from './token-bucket.ts'

/** What becomes of a message: `pause` delivers it and then stops reading. */
export type Admission = 'deliver' | 'pause' | 'drop'

/** Times in milliseconds before the moment it is taken. */
export interface RateLimitSnapshot {
  /** See `TokenBucket`. */
  readonly messages: number
  readonly bytes: number | null
  readonly overMs: number | null
  readonly isExhausted: boolean
  /** Infinity if nobody was told. */
  readonly toldMs: number
}

/**
 * How many messages and bytes one peer may send. One that sends faster is read more slowly (`pause`, `close`), so TCP
 * holds it back and nothing is lost, or loses what is too much (`drop`, `error`).
 */
export class RateLimit {
  readonly #options: RateLimitOptions
  readonly #messages: TokenBucket
  readonly #bytes: TokenBucket | null
  /** When the peer first sent too much since both buckets were full; null if it has not. */
  #overMs: number | null = null
  #isExhausted = false
  #toldMs = Number.NEGATIVE_INFINITY

  constructor(options: RateLimitOptions, now: number) {
    const { messages, perMs, burst, bytesPerSecond } = options
    this.#options = options
    this.#messages = new TokenBucket((messages * 1000) / perMs, burst, now)
    this.#bytes = bytesPerSecond === 0 ? null : new TokenBucket(bytesPerSecond, 2 * bytesPerSecond, now)
  }

  snapshot(now: number): RateLimitSnapshot {
    return {
      messages: this.#messages.snapshot(now),
      bytes: this.#bytes?.snapshot(now) ?? null,
      overMs: this.#overMs === null ? null : now - this.#overMs,
      isExhausted: this.#isExhausted,
      toldMs: now - this.#toldMs,
    }
  }

  restore({ messages, bytes, overMs, isExhausted, toldMs }: RateLimitSnapshot, now: number): void {
    this.#messages.restore(messages, now)
    if (bytes !== null) this.#bytes?.restore(bytes, now)
    this.#overMs = overMs === null ? null : now - overMs
    this.#isExhausted = isExhausted
    this.#toldMs = now - toldMs
  }

  admit(bytes: number, now: number): Admission {
    const { action, graceMs } = this.#options
    if (action === 'drop' || action === 'error') return this.#spend(bytes, now) ? 'deliver' : 'drop'
    if (this.#overMs !== null && this.#isFilled(1, now)) this.#overMs = null
    const hasMessage = this.#messages.overdraw(1, now)
    const hasBytes = this.#bytes === null || this.#bytes.overdraw(bytes, now)
    if (hasMessage && hasBytes) return 'deliver'
    this.#overMs ??= now
    this.#isExhausted ||= action === 'close' && now - this.#overMs >= graceMs
    return 'pause'
  }

  /** The connection was not read for so long until `now`, and not for its rate. */
  excuse(ms: number, now: number): void {
    this.#messages.excuse(ms, now)
    this.#bytes?.excuse(ms, now)
  }

  /** How to tell of a dropped message: once per period, however many there are. */
  mustTell(now: number): 'error' | 'log' | null {
    const { action, perMs } = this.#options
    if (now - this.#toldMs < perMs) return null
    this.#toldMs = now
    return action === 'error' ? 'error' : 'log'
  }

  /** Whether a paused connection may be read again: half of a burst is there. */
  hasRecovered(now: number): boolean {
    return this.#isFilled(0.5, now)
  }

  /** Whether the peer sent too much again, longer after the first time than it is granted. */
  get isExhausted(): boolean {
    return this.#isExhausted
  }

  #spend(bytes: number, now: number): boolean {
    if (this.#messages.available(now) < 1) return false
    if (this.#bytes !== null && !this.#bytes.spend(bytes, now)) return false
    return this.#messages.spend(1, now)
  }

  #isFilled(part: number, now: number): boolean {
    const isFilled = (bucket: TokenBucket): boolean => bucket.available(now) >= part * bucket.capacity
    return isFilled(this.#messages) && (this.#bytes === null || isFilled(this.#bytes))
  }
}
