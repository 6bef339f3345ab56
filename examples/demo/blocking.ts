import { performance } from 'node:perf_hooks'
import type { WebSocketServer } from '../../src/index.ts'
import type { BlockReport } from './protocol.ts'

/**
 * Does to the main thread what a long computation would do: nothing else runs on it for `blockMs`.
 *
 * No event reaches main meanwhile, so whatever is different in shared memory afterwards, the shards did by themselves.
 */
export function blockMainThread(server: WebSocketServer, ids: readonly string[], blockMs: number): BlockReport {
  const pongsBefore = ids.map((id) => server.getConnection(id)?.lastPong)
  const takenBefore = server.stats().messagesReceived
  const startedMs = performance.now()
  while (performance.now() - startedMs < blockMs);
  return {
    blockedMs: Math.round(performance.now() - startedMs),
    people: ids.length,
    heartbeats: ids.filter((id, index) => server.getConnection(id)?.lastPong !== pongsBefore[index]).length,
    waiting: server.stats().messagesReceived - takenBefore,
  }
}
