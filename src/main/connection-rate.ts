import { performance } from 'node:perf_hooks'
import type { ConnectionRate } from './guard-options.ts'

interface Bucket {
  tokens: number
  seenMs: number
}

/** Idle buckets forgotten per handshake: after a flood none has to pay for all of them. */
const FORGET_AT_ONCE = 16

/** A token bucket for each address that has begun a handshake lately. */
export class ConnectionRateLimit {
  readonly #burst: number
  readonly #tokensPerMs: number
  readonly #maxAddresses: number
  /** Those longest unseen first. */
  readonly #buckets = new Map<string, Bucket>()

  constructor({ perIp, windowMs, burst, maxAddresses }: Required<ConnectionRate>) {
    this.#burst = burst
    this.#tokensPerMs = perIp / windowMs
    this.#maxAddresses = maxAddresses
  }

  /** Addresses kept in mind. */
  get size(): number {
    return this.#buckets.size
  }

  /** Takes a token of `block`; false if it has none left. A refused handshake costs none. */
  take(block: string): boolean {
    const nowMs = performance.now()
    this.#forgetIdle(nowMs)
    const bucket = this.#buckets.get(block) ?? { tokens: this.#burst, seenMs: nowMs }
    bucket.tokens = this.#refilled(bucket, nowMs)
    bucket.seenMs = nowMs
    this.#buckets.delete(block)
    this.#buckets.set(block, bucket)
    if (this.#buckets.size > this.#maxAddresses) this.#forgetOldest()
    if (bucket.tokens < 1) return false
    bucket.tokens--
    return true
  }

  #refilled({ tokens, seenMs }: Bucket, nowMs: number): number {
    return Math.min(this.#burst, tokens + (nowMs - seenMs) * this.#tokensPerMs)
  }

  /** A bucket that is full again says no more than none. */
  #forgetIdle(nowMs: number): void {
    let left = FORGET_AT_ONCE
    for (const [block, bucket] of this.#buckets) {
      if (left-- === 0 || this.#refilled(bucket, nowMs) < this.#burst) return
      this.#buckets.delete(block)
    }
  }

  #forgetOldest(): void {
    for (const block of this.#buckets.keys()) {
      this.#buckets.delete(block)
      return
    }
  }
}
