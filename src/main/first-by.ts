import { ShardwsError } from '../shared/errors.ts'

/** Of what an overview tells at a time. */
const MOST = 1000

/**
 * The first `top` by rank, the highest before the others, in one pass. Of equals those that came first.
 *
 * @throws ShardwsError ARGUMENT_INVALID for a `top` that is no integer from 1 to 1000
 */
export function firstBy<Item>(items: Iterable<Item>, top: number, rank: (item: Item) => number): readonly Item[] {
  if (!Number.isInteger(top) || top < 1 || top > MOST)
    throw new ShardwsError('ARGUMENT_INVALID', `top must be an integer from 1 to ${MOST}, got ${String(top)}`)
  const first: { readonly item: Item; readonly rank: number }[] = []
  for (const item of items) {
    const own = rank(item)
    if (first.length === top && own <= (first[top - 1]?.rank ?? 0)) continue
    const at = first.findIndex((other) => other.rank < own)
    first.splice(at === -1 ? first.length : at, 0, { item, rank: own })
    if (first.length > top) first.pop()
  }
  return first.map(({ item }) => item)
}
