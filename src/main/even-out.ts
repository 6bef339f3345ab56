/** A shard, or whatever stands for it, and how many connections it has. */
export interface Weighed<Shard> {
  readonly shard: Shard
  readonly count: number
  /** False: it only gives. */
  readonly canTake: boolean
}

export interface Transfer<Shard> {
  readonly from: Shard
  readonly to: Shard
  readonly count: number
}

/**
 * The fewest moves after which no two shards differ by more than one connection, as far as those that take nobody allow, from
 * the fullest and to the emptiest first. With `most`, no more moves than that.
 */
export function evenOut<Shard>(
  shards: readonly Weighed<Shard>[],
  most = Number.POSITIVE_INFINITY,
): readonly Transfer<Shard>[] {
  const sharing = sharers(shards).toSorted((one, other) => other.count - one.count)
  const total = sum(sharing)
  const least = Math.floor(total / sharing.length)
  // What is left over stays with the fullest.
  const fuller = total % sharing.length
  const all = sharing.map(({ shard, count }, at) => ({ shard, surplus: count - least - (at < fuller ? 1 : 0) }))
  const transfers: Transfer<Shard>[] = []
  let left = most
  for (const taker of all.toReversed()) {
    for (const giver of all) {
      const count = Math.min(giver.surplus, -taker.surplus, left)
      if (count <= 0) continue
      giver.surplus -= count
      taker.surplus += count
      left -= count
      transfers.push({ from: giver.shard, to: taker.shard, count })
    }
  }
  return transfers
}

/** Without those that take nobody and have no more than the others will: nothing comes to them, and nothing goes. */
function sharers<Shard>(shards: readonly Weighed<Shard>[]): readonly Weighed<Shard>[] {
  const average = sum(shards) / shards.length
  const sharing = shards.filter(({ canTake, count }) => canTake || count > average)
  return sharing.length === shards.length ? shards : sharers(sharing)
}

function sum(shards: readonly Weighed<unknown>[]): number {
  return shards.reduce((total, { count }) => total + count, 0)
}
