import fc from 'fast-check'
import t from 'tap'
import { RoomInterest } from '../../src/shared/room-interest.ts'

const SHARDS = 3

t.test('a room is where somebody entered it, and nowhere else', async (t) => {
  const interest = RoomInterest.allocate(SHARDS, 100)
  const where = (room: string): boolean[] => [0, 1, 2].map((shard) => interest.has(shard, room))
  interest.enter(1, 'red')
  t.same(where('red'), [false, true, false])
  t.equal(interest.hasAnywhere('red'), true)
  t.same(where('blue'), [false, false, false])
  t.equal(interest.hasAnywhere('blue'), false)
  interest.enter(2, 'red')
  interest.exit(1, 'red')
  t.same(where('red'), [false, false, true])
  interest.exit(2, 'red')
  t.equal(interest.hasAnywhere('red'), false)
})

t.test('another thread sees the same', async (t) => {
  const interest = RoomInterest.allocate(SHARDS, 100)
  const other = new RoomInterest(interest.memory)
  interest.enter(2, 'red')
  interest.setRooms(7)
  interest.applied(2)
  t.same([other.has(2, 'red'), other.rooms, other.appliedOf(2), other.appliedOf(1)], [true, 7, 1, 0])
})

t.test('a join that main announces counts beside the members until it has arrived', async (t) => {
  const interest = RoomInterest.allocate(1, 100)
  interest.announce(0, 'red')
  t.equal(interest.has(0, 'red'), true)
  interest.enter(0, 'red')
  interest.exit(0, 'red')
  t.equal(interest.has(0, 'red'), true, 'the member')
  interest.exit(0, 'red')
  t.equal(interest.has(0, 'red'), false)
})

t.test('of a shard that has ended nothing is left, of the others everything', async (t) => {
  const interest = RoomInterest.allocate(SHARDS, 100)
  for (let shard = 0; shard < SHARDS; shard++) {
    interest.enter(shard, 'red')
    interest.applied(shard)
  }
  interest.setRooms(1)
  interest.clear(1)
  t.same(
    [0, 1, 2].map((shard) => [interest.has(shard, 'red'), interest.appliedOf(shard)]),
    [
      [true, 1],
      [false, 0],
      [true, 1],
    ],
  )
  t.equal(interest.rooms, 1)
})

t.test('property: no is never wrong, and yes is right for as many rooms as there may be, nearly always', async (t) => {
  const names = fc.uniqueArray(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }), {
    minLength: 2,
    maxLength: 60,
  })
  let wrong = 0
  let asked = 0
  fc.assert(
    fc.property(names, fc.integer({ min: 1, max: 59 }), (rooms, count) => {
      const interest = RoomInterest.allocate(1, 100)
      const [inside, outside] = [rooms.slice(0, count), rooms.slice(count)]
      for (const room of inside) interest.enter(0, room)
      if (!inside.every((room) => interest.has(0, room))) return false
      asked += outside.length
      wrong += outside.filter((room) => interest.has(0, room)).length
      for (const room of inside) interest.exit(0, room)
      return rooms.every((room) => !interest.has(0, room))
    }),
    { numRuns: 200, seed: 1 },
  )
  t.ok(wrong < asked / 10, `${wrong} of ${asked}`)
})

t.test('memory is bounded, however many rooms there may be', async (t) => {
  const bytesOf = (rooms: number): number => RoomInterest.allocate(1, rooms).memory.byteLength
  t.equal(bytesOf(1), bytesOf(256), 'at least 1024 buckets')
  t.ok(bytesOf(257) > bytesOf(256))
  t.equal(bytesOf(2 ** 18), bytesOf(10_000_000), 'at most 2^20')
})
