import type { ShardOptions } from '../src/shared/messages.ts'
import { TokenBucket } from './token-bucket.ts'

export interface ControlFramesSnapshot {
  /** See `TokenBucket`. */
  readonly rate: number
  readonly waitingPongs: number
  /** Payload of the ping whose pong is owed. */
  readonly latest: Uint8Array | null
}

/** What a peer's pings and pongs may cost: how many a second, and how many answers wait while it does not read. */
export class ControlFrames {
  readonly #options: ShardOptions
  readonly #rate: TokenBucket
  #waitingPongs = 0
  #latest: Buffer | null = null

  constructor(options: ShardOptions, now: number) {
    this.#options = options
    this.#rate = new TokenBucket(options.maxControlRate, options.maxControlRate, now)
  }

  snapshot(now: number): ControlFramesSnapshot {
    const latest = this.#latest && new Uint8Array(this.#latest)
    return { rate: this.#rate.snapshot(now), waitingPongs: this.#waitingPongs, latest }
  }

  restore({ rate, waitingPongs, latest }: ControlFramesSnapshot, now: number): void {
    this.#rate.restore(rate, now)
    this.#waitingPongs = waitingPongs
    this.#latest = latest && Buffer.from(latest)
  }

  /** Counts one frame; false when it is one too many. */
  admit(now: number): boolean {
    return this.#options.maxControlRate === 0 || this.#rate.spend(1, now)
  }

  /** The connection was not read for so long: what has piled up is no flood. */
  excuse(ms: number, now: number): void {
    this.#rate.excuse(ms, now)
  }

  /** Whether a pong was left out and is still to be sent. */
  get owesPong(): boolean {
    return this.#latest !== null
  }

  /**
   * Whether the pong of this ping is to be sent although the peer does not read. If not, it is kept in place of the one
   * before: RFC 6455 §5.5.3 lets the pong of the latest ping stand for all.
   */
  mayQueue(payload: Buffer): boolean {
    if (this.#waitingPongs < this.#options.maxPendingPongs) {
      this.#waitingPongs++
      return true
    }
    this.#latest = Buffer.from(payload)
    return false
  }

  /** The peer reads again: the pong that is still owed. */
  drain(): Buffer | null {
    const latest = this.#latest
    this.#latest = null
    this.#waitingPongs = 0
    return latest
  }
}
