import { Counter } from '../shared/counters.ts'
import type { Engine } from './engine.ts'
import { firstBy } from './first-by.ts'
import type { Peer } from './peer.ts'

/** A connection that has not read everything that was sent to it. */
export interface ConnectionQueue {
  /** For `server.getConnection` and `server.close`. */
  readonly id: string
  /** The number of its shard. */
  readonly shard: number
  /** The client's address, by `trustProxy`. */
  readonly ip: string
  /** Of its request, without the query. */
  readonly path: string
  /** Bytes that its shard or the kernel has not taken yet: its `bufferedAmount`. */
  readonly queuedBytes: number
  /** Milliseconds since the epoch. */
  readonly connectedAt: number
}

/** Reads shared memory. @throws ShardwsError ARGUMENT_INVALID */
export function longestQueues({ peers, shardCounters }: Engine, top = 10): readonly ConnectionQueue[] {
  const isAnythingQueued = shardCounters.total(Counter.QUEUED_BYTES) > 0
  return firstBy(isAnythingQueued ? queued(peers) : [], top, ({ queuedBytes }) => queuedBytes).map(
    ({ peer: { id, shard, ip, path, connectedAt }, queuedBytes }) => ({
      id,
      shard,
      ip,
      path,
      queuedBytes,
      connectedAt,
    }),
  )
}

function* queued(peers: Iterable<Peer>): Generator<{ readonly peer: Peer; readonly queuedBytes: number }> {
  for (const peer of peers) {
    const queuedBytes = peer.bufferedAmount
    if (queuedBytes > 0) yield { peer, queuedBytes }
  }
}
