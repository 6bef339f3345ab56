import type { MainCounters } from './main-counters.ts'
import type { PeerShard } from './peer.ts'

/** Posts to each of these shards. False if one was too far behind to take it. */
export function postToEach(
  shards: readonly PeerShard[],
  counters: MainCounters,
  post: (link: PeerShard['link']) => void,
): boolean {
  let isComplete = true
  for (const { link } of shards) {
    if (link.hasCredit()) {
      post(link)
    } else {
      counters.refusedByLink++
      isComplete = false
    }
  }
  return isComplete
}
