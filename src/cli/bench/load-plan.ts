import type { OpeningRequest } from '../outgoing-request.ts'
import type { LatencyCounts } from './latencies.ts'

/** What is asked of the server: by all threads together, or by one of them. */
export interface LoadPlan {
  /** Its URL as text: it crosses threads. */
  readonly opening: Omit<OpeningRequest, 'url'> & { readonly url: string }
  readonly connections: number
  /** Echoes after which the load ends, null for no such end. */
  readonly messages: number | null
  /** Milliseconds after which it ends, null for no such end. */
  readonly durationMs: number | null
  /** Payload bytes of one message. */
  readonly size: number
  /** Messages of one connection that may wait for their echoes. */
  readonly inFlight: number
  /** Messages a second; null: the next one as soon as there is an echo. */
  readonly rate: number | null
  readonly isText: boolean
  /** Messages of the server at the beginning of each connection that are no echoes. */
  readonly skip: number
  /** Milliseconds without any echo after which no more is expected. */
  readonly patienceMs: number
}

/** What came of it: errors by kind. */
export interface LoadResult {
  readonly sent: number
  /** Echoes, every byte of which was compared. */
  readonly verified: number
  /** Sent, and no echo came. */
  readonly unanswered: number
  /** Due by the rate, and not sent because the echoes of earlier ones were missing. */
  readonly overdue: number
  readonly errors: Readonly<Record<string, number>>
  /** Milliseconds from the first message to the last echo. */
  readonly elapsedMs: number
  readonly latencies: LatencyCounts
  readonly handshakes: LatencyCounts
  /** The share of the time in which the thread of the load had something to do, 0 to 1. */
  readonly utilization: number
}

/** From main to a thread. */
export type LoadCommand = 'start' | 'stop'

/** From a thread to main. */
export type LoadReport =
  | { readonly kind: 'opened'; readonly open: number; readonly errors: LoadResult['errors'] }
  | { readonly kind: 'progress'; readonly open: number; readonly verified: number }
  | { readonly kind: 'done'; readonly result: LoadResult }

/** The part of one thread, so that all of them together do what was planned. */
export function partOf(plan: LoadPlan, index: number, threads: number): LoadPlan {
  const connections = share(plan.connections, index, threads)
  return {
    ...plan,
    connections,
    messages: plan.messages === null ? null : share(plan.messages, index, threads),
    rate: plan.rate === null ? null : (plan.rate * connections) / plan.connections,
  }
}

/** Whole numbers that add up to `total`. */
function share(total: number, index: number, parts: number): number {
  return Math.floor((total * (index + 1)) / parts) - Math.floor((total * index) / parts)
}
