/** Messages and payload bytes, in all or a second. */
export interface Traffic {
  readonly messagesReceived: number
  readonly messagesSent: number
  readonly bytesReceived: number
  readonly bytesSent: number
}

/** Milliseconds that a rate looks back: what is older counts for less than 37 %. */
const MEMORY_MS = 10_000

const NOTHING: Traffic = { messagesReceived: 0, messagesSent: 0, bytesReceived: 0, bytesSent: 0 }

/**
 * Traffic a second as of each reading, exponentially weighted, so that the last ten seconds count most. Between two
 * readings that are further apart than that, it is the mean since the former. No timer takes part.
 */
export class TrafficRates {
  #readMs: number
  #totals = NOTHING
  #perSecond = NOTHING
  #isFirst = true

  constructor(nowMs: number) {
    this.#readMs = nowMs
  }

  read(nowMs: number, totals: Traffic): Traffic {
    const elapsedMs = nowMs - this.#readMs
    if (elapsedMs <= 0) return this.#perSecond
    // There is no rate yet for the first one to be weighed against.
    const weight = this.#isFirst ? 1 : 1 - Math.exp(-elapsedMs / MEMORY_MS)
    const rate = (name: keyof Traffic): number => {
      const latest = ((totals[name] - this.#totals[name]) * 1000) / elapsedMs
      return this.#perSecond[name] + weight * (latest - this.#perSecond[name])
    }
    this.#perSecond = {
      messagesReceived: rate('messagesReceived'),
      messagesSent: rate('messagesSent'),
      bytesReceived: rate('bytesReceived'),
      bytesSent: rate('bytesSent'),
    }
    this.#readMs = nowMs
    this.#totals = totals
    this.#isFirst = false
    return this.#perSecond
  }
}
