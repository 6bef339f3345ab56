import fc from 'fast-check'
import t from 'tap'
import { evenOut, type Weighed } from '../../src/main/even-out.ts'

/** How many connections each shard has afterwards. */
function after(shards: readonly Weighed<number>[], most?: number): number[] {
  const counts = shards.map(({ count }) => count)
  for (const { from, to, count } of evenOut(shards, most)) {
    counts[from] = (counts[from] ?? 0) - count
    counts[to] = (counts[to] ?? 0) + count
  }
  return counts
}

function shards(...counts: number[]): Weighed<number>[] {
  return counts.map((count, shard) => ({ shard, count, canTake: true }))
}

function movesOf(all: readonly Weighed<number>[], most?: number): number {
  return evenOut(all, most).reduce((sum, { count }) => sum + count, 0)
}

const crowds = fc.array(fc.record({ count: fc.nat(50), canTake: fc.boolean() }), { maxLength: 9 })

t.test('no two shards differ by more than one', async (t) => {
  t.same(after(shards(4, 3, 0)), [3, 2, 2])
  t.same(after(shards(0, 0, 7)), [2, 2, 3])
  t.same(after(shards(5, 4, 5)), [5, 4, 5])
  t.same(evenOut(shards(5)), [])
  t.same(evenOut(shards()), [])
  fc.assert(
    fc.property(crowds, (crowd) => {
      const counts = after(shards(...crowd.map(({ count }) => count)))
      return counts.length === 0 || Math.max(...counts) - Math.min(...counts) <= 1
    }),
  )
})

t.test('as few move as possible', async (t) => {
  t.equal(movesOf(shards(4, 3, 0)), 2)
  t.equal(movesOf(shards(3, 2, 2)), 0, 'what is left over stays with the fullest')
  t.equal(movesOf(shards(2, 2, 3, 9)), 5)
})

t.test('a shard that takes nobody gives what it has too much of, and gets nothing', async (t) => {
  const full = (...counts: number[]) => shards(...counts).map((each, at) => ({ ...each, canTake: at > 0 }))
  t.same(after(full(9, 0, 0)), [3, 3, 3])
  t.same(after(full(0, 6, 0)), [0, 3, 3])
  t.same(after(full(1, 9, 0)), [1, 5, 4])
  t.same(after(full(9)), [9], 'there is nobody else')
  fc.assert(
    fc.property(crowds, (crowd) => {
      const all = crowd.map((each, shard) => ({ ...each, shard }))
      const counts = after(all)
      const least = Math.min(...counts.filter((_, at) => all[at]?.canTake))
      return counts.every((count, at) => {
        const { count: before = 0, canTake } = all[at] ?? {}
        return canTake
          ? count <= least + 1
          : count <= before && (count <= least + 1 || least === Number.POSITIVE_INFINITY)
      })
    }),
  )
})

t.test('no more than so many, from the fullest and to the emptiest first', async (t) => {
  t.same(after(shards(10, 0, 4, 6), 2), [8, 2, 4, 6])
  for (const [most, moves] of [
    [5, 5],
    [6, 6],
    [7, 6],
  ] as const) {
    t.equal(movesOf(shards(10, 0, 4, 6), most), moves)
  }
})
