import type { ServerReading } from './reading.ts'

/** Messages a second. */
export interface Rates {
  readonly in: number
  readonly out: number
}

interface Counted {
  readonly received: number
  readonly sent: number
}

/** What has happened between two readings of the same server. */
export class Change {
  readonly #before: ServerReading | undefined
  readonly #seconds: number

  /** @param before Undefined: there is nothing to compare with. */
  constructor(before: ServerReading | undefined, now: ServerReading) {
    // A server that has been started anew counts from 0 again.
    const isSame = before !== undefined && before.uptimeSeconds <= now.uptimeSeconds
    this.#before = isSame ? before : undefined
    this.#seconds = isSame ? (now.atMs - before.atMs) / 1000 : 0
  }

  ofServer(now: ServerReading): Rates | null {
    return this.#between(this.#before, now)
  }

  ofShard(now: Counted & { readonly shard: number }): Rates | null {
    return this.#between(
      this.#before?.shards.find(({ shard }) => shard === now.shard),
      now,
    )
  }

  ofTrouble(what: string, now: number): number {
    return Math.max(0, now - (this.#before?.troubles[what] ?? now))
  }

  /** A shard that was replaced begins anew. */
  #between(before: Counted | undefined, now: Counted): Rates | null {
    if (before === undefined || this.#seconds <= 0 || now.received < before.received || now.sent < before.sent)
      return null
    return { in: (now.received - before.received) / this.#seconds, out: (now.sent - before.sent) / this.#seconds }
  }
}
