import { Counter } from '../shared/counters.ts'

/** Messages and payload bytes, in all or a second. */
export interface Traffic {
  /** Messages a second. */
  readonly messagesReceived: number
  /** Messages a second. */
  readonly messagesSent: number
  /** Payload bytes a second. */
  readonly bytesReceived: number
  /** Payload bytes a second. */
  readonly bytesSent: number
}

/** Milliseconds that a rate looks back: what is older counts for less than 37 %. */
const MEMORY_MS = 10_000

/** What has been counted by now, read with `count`. */
export function trafficOf(count: (counter: Counter) => number): Traffic {
  return {
    messagesReceived: count(Counter.MESSAGES_RECEIVED),
    messagesSent: count(Counter.MESSAGES_SENT),
    bytesReceived: count(Counter.BYTES_RECEIVED),
    bytesSent: count(Counter.BYTES_SENT),
  }
}

const NOTHING: Traffic = { messagesReceived: 0, messagesSent: 0, bytesReceived: 0, bytesSent: 0 }

/**
 * Traffic a second as of each reading, exponentially weighted, so that the last ten seconds count most. Between two
 * readings that are further apart than that, it is the mean since the former. No timer takes part.
 */
export class TrafficRates {
  #readMs: number
  #totals: Traffic
  #perSecond = NOTHING
  #isFirst = true

  /** @param totals What counts as the past. */
  constructor(nowMs: number, totals = NOTHING) {
    this.#readMs = nowMs
    this.#totals = totals
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
