import t from 'tap'
import { createPlacement, type Placement, type PlacementOptions, type ShardView } from '../../src/main/placement.ts'
import { ShardwsError } from '../../src/shared/errors.ts'
import type { UpgradeRequest } from '../../src/shared/upgrade-request.ts'
import { SeededRandom } from '../reliability/seeded-random.ts'

interface Shard {
  assigned: number
  canTake: boolean
}

const REQUEST = { path: '/' } as UpgradeRequest

function shards(...assigned: number[]): Shard[] {
  return assigned.map((count) => ({ assigned: count, canTake: true }))
}

function placementOf(options: Partial<PlacementOptions> = {}): Placement {
  return createPlacement({ placement: 'least-connections', shardBy: undefined, ...options })
}

/** Places `count` connections and returns the shards' letters in order. */
function place(count: number, among: readonly (Shard | null)[], placement = placementOf()): string {
  let letters = ''
  for (let i = 0; i < count; i++) {
    const index = placement.choose(REQUEST, among)
    if (index !== null) among[index]!.assigned++
    letters += index === null ? '-' : 'abcdefgh'.charAt(index)
  }
  return letters
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
  const placement = placementOf()
  const names = [1, 2, 3, 4, 5, 6].map(() => placement.choose(REQUEST, among))
  t.same(names.slice(0, 3).sort(), [0, 1, 2])
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
  t.equal(place(1, [null, ...shards(7), null]), 'b')
})

t.test('none that can take, or none at all', async (t) => {
  const among = shards(0, 0)
  for (const shard of among) shard.canTake = false
  t.equal(place(2, among), '--')
  t.equal(place(1, []), '-')
})

t.test('round-robin: in turn, whatever they have, without those that cannot take', async (t) => {
  const among = shards(9, 0, 0, 5)
  const placement = placementOf({ placement: 'round-robin' })
  t.equal(place(6, among, placement), 'abcdab')
  among[2]!.canTake = false
  t.equal(place(5, among, placement), 'dabda')
  t.equal(place(3, [...among.slice(0, 2), null], placement), 'bab', 'one shard fewer')
  t.equal(place(1, [null, null], placement), '-')
  t.equal(place(1, [], placement), '-')
})

t.test('a function sees every shard and names one, also one that cannot take', async (t) => {
  const seen: unknown[] = []
  const placement = placementOf({
    placement: (request, views) => {
      seen.push(request, views)
      return 1
    },
  })
  t.equal(placement.choose(REQUEST, [{ assigned: 4, canTake: true }, null, { assigned: 2, canTake: false }]), 1)
  t.equal(seen[0], REQUEST)
  t.same(seen[1], [
    { index: 0, connections: 4, canTake: true },
    { index: 1, connections: 0, canTake: false },
    { index: 2, connections: 2, canTake: false },
  ] satisfies ShardView[])
})

function failureOf(options: Partial<PlacementOptions>): ShardwsError {
  try {
    placementOf(options).choose(REQUEST, shards(0, 0, 0))
  } catch (error) {
    if (error instanceof ShardwsError) return error
  }
  throw new Error('no ShardwsError')
}

t.test('an answer that names no shard is PLACEMENT_FAILED', async (t) => {
  const answers: unknown[] = [
    -1,
    3,
    0.5,
    Number.NaN,
    '1',
    null,
    undefined,
    {},
    true,
    1n,
    Symbol('s'),
    Promise.resolve(1),
  ]
  for (const answer of answers) {
    const { code, message } = failureOf({ placement: () => answer as number })
    t.equal(code, 'PLACEMENT_FAILED')
    t.match(message, /^options\.placement must return the index of a shard, 0 to 2, got ./)
  }
  t.match(failureOf({ placement: () => 3 }).message, /got 3$/)
  t.match(failureOf({ placement: async () => 1 } as never).message, /got a promise$/)
})

t.test('a key that is none is PLACEMENT_FAILED', async (t) => {
  const keys: unknown[] = [Number.NaN, Number.POSITIVE_INFINITY, null, undefined, {}, ['a'], true, 1n, Symbol('s')]
  for (const key of [...keys, Promise.reject(new Error('late'))]) {
    const { code, message } = failureOf({ shardBy: () => key as string })
    t.equal(code, 'PLACEMENT_FAILED')
    t.match(message, /^options\.shardBy must return a string or a number, got ./)
  }
})

t.test('what a function throws is the cause', async (t) => {
  const cause = new Error('no tenant')
  const fail = (): never => {
    throw cause
  }
  t.match(failureOf({ shardBy: fail }), { code: 'PLACEMENT_FAILED', message: /shardBy threw: Error: no tenant/, cause })
  t.match(failureOf({ placement: fail }), { code: 'PLACEMENT_FAILED', message: /placement threw/, cause })
})

t.test('shardBy: the same key names the same seat, taken or gone; a number is its decimal text', async (t) => {
  let key: string | number = ''
  const placement = placementOf({ shardBy: () => key })
  const random = new SeededRandom(7)
  for (let i = 0; i < 500; i++) {
    key = random.below(1_000_000)
    const seat = placement.choose(REQUEST, shards(9, 0, 3))
    t.equal(placement.choose(REQUEST, [null, null, null]), seat)
    key = String(key)
    t.equal(placement.choose(REQUEST, shards(0, 5, 5)), seat)
  }
})
