import t from 'tap'
import { LeastConnections } from '../../src/main/placement.ts'
import type { RunningShard } from '../../src/main/running-shard.ts'

interface Shard {
  readonly name: string
  assigned: number
  canTake: boolean
}

function shards(...assigned: number[]): Shard[] {
  return assigned.map((count, index) => ({ name: 'abcdefgh'.charAt(index), assigned: count, canTake: true }))
}

function choose(placement: LeastConnections, among: readonly Shard[]): Shard | undefined {
  return placement.choose(among as unknown as RunningShard[]) as Shard | undefined
}

/** Places `count` connections and returns the shards' names in order. */
function place(count: number, among: readonly Shard[]): string {
  const placement = new LeastConnections()
  let names = ''
  for (let i = 0; i < count; i++) {
    const chosen = choose(placement, among)
    if (chosen !== undefined) chosen.assigned++
    names += chosen?.name ?? '-'
  }
  return names
}

t.test('the shard with the fewest', async (t) => {
  t.equal(place(1, shards(3, 1, 2)), 'b')
  t.equal(place(3, shards(9, 9, 6)), 'ccc')
})

t.test('equals in turn: none is asked twice before the others were', async (t) => {
  const among = shards(0, 0, 0, 0)
  const names = place(8, among)
  t.equal(new Set(names.slice(0, 4)).size, 4)
  t.equal(new Set(names.slice(4)).size, 4)
  t.same(
    among.map(({ assigned }) => assigned),
    [2, 2, 2, 2],
  )
})

t.test('equals that stay equal are taken in turn too', async (t) => {
  const among = shards(0, 0, 0)
  const placement = new LeastConnections()
  const names = [1, 2, 3, 4, 5, 6].map(() => choose(placement, among)?.name)
  t.same(names.slice(0, 3).sort(), ['a', 'b', 'c'])
  t.same(names.slice(3), names.slice(0, 3))
})

t.test('an uneven load evens out', async (t) => {
  const among = shards(5, 0, 2)
  place(8, among)
  t.same(
    among.map(({ assigned }) => assigned),
    [5, 5, 5],
  )
})

t.test('a shard that cannot take is passed over, however empty', async (t) => {
  const among = shards(5, 0, 6)
  among[1]!.canTake = false
  t.equal(place(1, among), 'a')
})

t.test('none that can take, or none at all', async (t) => {
  const among = shards(0, 0)
  for (const shard of among) shard.canTake = false
  t.equal(place(2, among), '--')
  t.equal(place(1, []), '-')
})
