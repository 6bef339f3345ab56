import { Latencies } from './latencies.ts'
import type { LoadPlan, LoadResult } from './load-plan.ts'

/** What all threads together have measured: the JSON of `shardws bench --json`. Times are milliseconds. */
export interface Summary {
  readonly url: string
  readonly connections: { readonly asked: number; readonly opened: number }
  readonly size: number
  readonly inFlight: number
  readonly rate: number | null
  readonly threads: number
  readonly elapsedMs: number
  readonly messages: {
    readonly sent: number
    readonly verified: number
    readonly unanswered: number
    readonly overdue: number
  }
  /** Verified echoes, and their payload in one direction. */
  readonly perSecond: { readonly messages: number; readonly bytes: number }
  readonly latencyMs: Percentiles
  readonly handshakeMs: Percentiles
  readonly errors: Readonly<Record<string, number>>
  /** Of the busiest thread of the load, 0 to 1. */
  readonly loadUtilization: number
  readonly wasInterrupted: boolean
}

export interface Percentiles {
  readonly mean: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/** The figures, and the latencies behind them. */
export function summarize(
  plan: LoadPlan,
  results: readonly LoadResult[],
  wasInterrupted: boolean,
): { readonly summary: Summary; readonly latencies: Latencies } {
  const [latencies, handshakes] = [new Latencies(), new Latencies()]
  const errors: Record<string, number> = {}
  for (const result of results) {
    latencies.add(result.latencies)
    handshakes.add(result.handshakes)
    for (const [kind, count] of Object.entries(result.errors)) errors[kind] = (errors[kind] ?? 0) + count
  }
  const total = (of: (result: LoadResult) => number): number => results.reduce((sum, each) => sum + of(each), 0)
  const elapsedMs = Math.max(...results.map((result) => result.elapsedMs))
  const verified = total((result) => result.verified)
  const perSecond = elapsedMs === 0 ? 0 : (verified * 1000) / elapsedMs
  const summary = {
    url: plan.opening.url,
    connections: { asked: plan.connections, opened: handshakes.count },
    size: plan.size,
    inFlight: plan.inFlight,
    rate: plan.rate,
    threads: results.length,
    elapsedMs,
    messages: {
      sent: total((result) => result.sent),
      verified,
      unanswered: total((result) => result.unanswered),
      overdue: total((result) => result.overdue),
    },
    perSecond: { messages: perSecond, bytes: perSecond * plan.size },
    latencyMs: percentilesOf(latencies),
    handshakeMs: percentilesOf(handshakes),
    errors,
    loadUtilization: Math.max(...results.map(({ utilization }) => utilization)),
    wasInterrupted,
  }
  return { summary, latencies }
}

function percentilesOf(latencies: Latencies): Percentiles {
  const at = (share: number): number => latencies.percentileUs(share) / 1000
  return {
    mean: latencies.meanUs / 1000,
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    p999: at(0.999),
    max: latencies.maxUs / 1000,
  }
}
