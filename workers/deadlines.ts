import type { ShardOptions } from '../src/shared/messages.ts'

/** What a connection has to do now. */
export type Due = 'end' | 'liveness' | 'idle' | 'lifetime' | 'message' | 'ping'

/** Milliseconds from or to the moment it is taken, so that another clock can go on. Infinity where there is nothing. */
export interface DeadlinesSnapshot {
  /** Since the peer last sent something. */
  readonly silentMs: number
  /** Since the peer last made room for output that waited. */
  readonly unreadMs: number
  /** Since the message at hand began; -Infinity when there is none. */
  readonly messageMs: number
  readonly nextPingMs: number
  readonly endOfLifeMs: number
}

/** When a connection has to do something of its own accord. All times are those of the shard's clock. */
export class Deadlines {
  readonly #options: ShardOptions
  #heardMs: number
  #readMs: number
  /** When the message at hand began. */
  #messageMs = Number.POSITIVE_INFINITY
  #nextPingMs: number
  #endOfLifeMs: number
  #endMs = Number.POSITIVE_INFINITY
  /** What has piled up while the connection was not read may not have been read yet. */
  #isUnheard = false

  constructor(options: ShardOptions, now: number) {
    this.#options = options
    this.#heardMs = now
    this.#readMs = now
    this.#nextPingMs = fromNow(now, jittered(options.pingIntervalMs))
    this.#endOfLifeMs = fromNow(now, jittered(options.maxLifetimeMs))
  }

  /** Of a connection that nobody is ending. */
  snapshot(now: number): DeadlinesSnapshot {
    return {
      silentMs: now - this.#heardMs,
      unreadMs: now - this.#readMs,
      messageMs: now - this.#messageMs,
      nextPingMs: this.#nextPingMs - now,
      endOfLifeMs: this.#endOfLifeMs - now,
    }
  }

  restore({ silentMs, unreadMs, messageMs, nextPingMs, endOfLifeMs }: DeadlinesSnapshot, now: number): void {
    this.#heardMs = now - silentMs
    this.#readMs = now - unreadMs
    this.#messageMs = now - messageMs
    this.#nextPingMs = now + nextPingMs
    this.#endOfLifeMs = now + endOfLifeMs
  }

  /** The peer has sent something, whatever it was. */
  heard(now: number): void {
    this.#heardMs = now
  }

  /** The peer has made room for output that waited. It is alive, although its pong may be far behind: so is our ping. */
  hasRead(now: number): void {
    this.#readMs = now
  }

  /** `isUnderWay`: a message has begun to arrive and is not complete. */
  messageIs(isUnderWay: boolean, now: number): void {
    if (!isUnderWay) this.#messageMs = Number.POSITIVE_INFINITY
    else if (this.#messageMs === Number.POSITIVE_INFINITY) this.#messageMs = now
  }

  /** The connection was not read for so long: nothing of that time was the peer's, who is judged again once it could be heard. */
  readAgain(pausedMs: number): void {
    this.#heardMs += pausedMs
    this.#messageMs += pausedMs
    this.#isUnheard = true
  }

  /** The connection is ending and must be gone by then. */
  endWithin(ms: number, now: number): void {
    this.#endMs = now + ms
  }

  /** `isDeaf`: the shard has stopped reading, so silence says nothing about the peer. */
  due(now: number, isOpen: boolean, isDeaf: boolean): Due | null {
    if (now >= this.#endMs) return 'end'
    if (!isOpen) return null
    const { idleTimeoutMs, livenessMs, messageTimeoutMs, pingIntervalMs } = this.#options
    const mayJudge = !isDeaf && !this.#isUnheard
    if (!isDeaf) this.#isUnheard = false
    const silentMs = mayJudge ? now - this.#heardMs : 0
    if (livenessMs > 0 && Math.min(silentMs, now - this.#readMs) >= livenessMs) return 'liveness'
    if (idleTimeoutMs > 0 && silentMs >= idleTimeoutMs) return 'idle'
    if (messageTimeoutMs > 0 && mayJudge && now - this.#messageMs >= messageTimeoutMs) return 'message'
    if (now >= this.#endOfLifeMs) return 'lifetime'
    if (now < this.#nextPingMs) return null
    this.#nextPingMs = now + pingIntervalMs
    return 'ping'
  }
}

/** ± 10 %, so that connections that opened together do not act together for ever. 0 stays 0. */
function jittered(ms: number): number {
  return ms * (0.9 + Math.random() * 0.2)
}

function fromNow(now: number, ms: number): number {
  return ms > 0 ? now + ms : Number.POSITIVE_INFINITY
}
