import type { Engine } from './engine.ts'
import { metricsFrom, type PerformanceMetrics, type Totals, totalsOf } from './stats.ts'

const engines = new Set<Engine>()
/** Totals of engines that are gone, less what was reset. */
let carried: Totals = sum([])

/** From now on `engine` counts in the figures of the process. */
export function register(engine: Engine): void {
  engines.add(engine)
}

/** Its totals stay in the figures of the process. */
export function unregister(engine: Engine): void {
  if (engines.delete(engine)) carried = sum([carried, withoutGauge(totalsOf(engine))])
}

export function processMetrics(): PerformanceMetrics {
  return metricsFrom(sum([carried, ...[...engines].map(totalsOf)]))
}

/** Back to zero, except `connections`. The shards' own counters go on: what they show now is deducted. */
export function resetProcessMetrics(): void {
  carried = negated(withoutGauge(sum([...engines].map(totalsOf))))
}

function sum(all: readonly Totals[]): Totals {
  const total = (name: keyof Totals): number => all.reduce((soFar, each) => soFar + each[name], 0)
  return {
    connections: total('connections'),
    messagesReceived: total('messagesReceived'),
    messagesSent: total('messagesSent'),
    bytesReceived: total('bytesReceived'),
    bytesSent: total('bytesSent'),
    compressibleBytes: total('compressibleBytes'),
    compressedBytes: total('compressedBytes'),
  }
}

function withoutGauge(totals: Totals): Totals {
  return { ...totals, connections: 0 }
}

function negated(totals: Totals): Totals {
  return Object.fromEntries(Object.entries(totals).map(([name, value]) => [name, -value])) as unknown as Totals
}
