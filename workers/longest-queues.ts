import { ReadyState } from '../src/shared/connection-table.ts'
import type { Connection } from './connection.ts'

/** Whoever has less queued is closed by nobody for the memory of it: there is none to speak of. */
const LEAST_BYTES = 64 * 1024

/** The open connection whose end frees most, undefined if nothing is queued for any. */
export function longestQueue(connections: Iterable<Connection>): Connection | undefined {
  let longest: Connection | undefined
  for (const connection of queued(connections)) {
    if (longest === undefined || worse(connection, longest) < 0) longest = connection
  }
  return longest
}

/**
 * Those that it takes to free so many bytes, the longest queue first: of peers that do not read, and short ones not at all.
 * What waits for the end of a tick or of a move is no fault of theirs, and gone in a moment.
 */
export function longestQueues(connections: Iterable<Connection>, bytes: number): Connection[] {
  let freed = 0
  const long = [...queued(connections)].filter(
    ({ outbound }) => outbound.isRefused && outbound.bufferedBytes >= LEAST_BYTES,
  )
  return long.sort(worse).filter(({ outbound }) => {
    if (freed >= bytes) return false
    freed += outbound.bufferedBytes
    return true
  })
}

function* queued(connections: Iterable<Connection>): Iterable<Connection> {
  for (const connection of connections) {
    if (connection.readyState === ReadyState.OPEN && connection.outbound.bufferedBytes > 0) yield connection
  }
}

/** A peer that reads, however slowly, is spared for one that does not. */
function worse({ outbound: one }: Connection, { outbound: other }: Connection): number {
  return Number(other.isStuck) - Number(one.isStuck) || other.bufferedBytes - one.bufferedBytes
}
