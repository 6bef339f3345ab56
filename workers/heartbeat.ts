import type { ShardOptions } from '../src/shared/messages.ts'
import { Clock } from './clock.ts'

const LONGEST_PERIOD_MS = 1000
const SHORTEST_PERIOD_MS = 10

interface Swept {
  sweep(now: number): void
}

/** One timer for all pings and deadlines of a shard. */
export class Heartbeat {
  readonly clock: Clock
  readonly #connections: ReadonlyMap<unknown, Swept>
  readonly #timer: NodeJS.Timeout

  constructor(options: ShardOptions, connections: ReadonlyMap<unknown, Swept>) {
    const periodMs = sweepPeriod(options)
    this.clock = new Clock(periodMs)
    this.#connections = connections
    this.#timer = setInterval(() => this.#sweep(), periodMs)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #sweep(): void {
    this.clock.advance()
    for (const connection of this.#connections.values()) connection.sweep(this.clock.now)
  }
}

/** A quarter of the shortest deadline, within bounds: none is missed, or met early, by more than 25 %. */
function sweepPeriod(options: ShardOptions): number {
  const { pingIntervalMs, livenessMs, idleTimeoutMs, messageTimeoutMs, closeTimeoutMs, maxLifetimeMs } = options
  const deadlines = [pingIntervalMs, livenessMs, idleTimeoutMs, messageTimeoutMs, closeTimeoutMs, maxLifetimeMs]
  const enabled = [...deadlines, options.rateLimit?.perMs ?? 0].filter((ms) => ms > 0)
  const quarter = Math.min(...enabled, 4 * LONGEST_PERIOD_MS) / 4
  return Math.min(LONGEST_PERIOD_MS, Math.max(SHORTEST_PERIOD_MS, quarter))
}
