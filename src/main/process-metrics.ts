import type { Engine } from './engine.ts'
import { metricsOf, type PerformanceMetrics } from './stats.ts'

type Totals = Omit<PerformanceMetrics, 'connections' | 'compressionRatio'>

const NONE: Totals = { messagesReceived: 0, messagesSent: 0, bytesReceived: 0, bytesSent: 0 }

const engines = new Set<Engine>()
/** Totals of engines that are gone, less what was reset. */
let carried: Totals = NONE

/** From now on `engine` counts in the figures of the process. */
export function register(engine: Engine): void {
  engines.add(engine)
}

/** Its totals stay in the figures of the process. */
export function unregister(engine: Engine): void {
  if (engines.delete(engine)) carried = sum(carried, metricsOf(engine), 1)
}

export function processMetrics(): PerformanceMetrics {
  const all = [...engines].map(metricsOf)
  const totals = all.reduce((soFar: Totals, each) => sum(soFar, each, 1), carried)
  return {
    connections: all.reduce((count, each) => count + each.connections, 0),
    ...totals,
    compressionRatio: 0,
  }
}

/** Back to zero, except `connections`. The shards' own counters go on: what they show now is deducted. */
export function resetProcessMetrics(): void {
  carried = [...engines].map(metricsOf).reduce((soFar: Totals, each) => sum(soFar, each, -1), NONE)
}

function sum(left: Totals, right: Totals, sign: 1 | -1): Totals {
  return {
    messagesReceived: left.messagesReceived + sign * right.messagesReceived,
    messagesSent: left.messagesSent + sign * right.messagesSent,
    bytesReceived: left.bytesReceived + sign * right.bytesReceived,
    bytesSent: left.bytesSent + sign * right.bytesSent,
  }
}
