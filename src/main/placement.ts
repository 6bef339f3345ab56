import type { RunningShard } from './running-shard.ts'

/** Chooses the shard of a new connection: the one with the fewest, in turn among equals. */
export class LeastConnections {
  #turn = 0

  choose(shards: readonly RunningShard[]): RunningShard | undefined {
    this.#turn++
    let chosen: RunningShard | undefined
    for (let i = 0; i < shards.length; i++) {
      const shard = shards[(this.#turn + i) % shards.length]
      if (shard?.canTake && (chosen === undefined || shard.assigned < chosen.assigned)) chosen = shard
    }
    return chosen
  }
}
