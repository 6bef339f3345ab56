import t from 'tap'
import { ReadyState } from '../../src/shared/connection-table.ts'
import { Counter, Counters } from '../../src/shared/counters.ts'
import { RoomInterest } from '../../src/shared/room-interest.ts'
import { type MemberSocket, Memberships } from '../../workers/memberships.ts'
import { RoomReports } from '../../workers/room-reports.ts'
import { Rooms } from '../../workers/rooms.ts'
import { deferred } from '../fixtures/deferred.ts'

interface Limits {
  readonly maxRooms?: number
  readonly maxRoomsPerConnection?: number
  readonly maxRoomSize?: number
}

/** Shard 0 of two; main does not take anything before it is told to. */
function setUp(limits: Limits = {}, canReach = () => true) {
  const told: string[] = []
  const interest = RoomInterest.allocate(2, 100)
  const counters = Counters.allocate(1).row(0)
  const rooms = new Rooms(interest, 0)
  const link = {
    hasCredit: () => true,
    waitForCredit: () => true,
    joined: (key: number, room: string) => void told.push(`main +${key} ${room}`),
    left: (key: number, room: string) => void told.push(`main -${key} ${room}`),
  }
  const memberships = new Memberships({
    options: { maxRooms: 100, maxRoomsPerConnection: 100, maxRoomSize: Number.POSITIVE_INFINITY, ...limits },
    counters,
    rooms,
    interest,
    reports: new RoomReports(link, interest, 0),
    elsewhere: {
      canJoin: () => canReach(),
      join: (key, room) => void told.push(`there +${key} ${room}`),
      leave: (key, room) => void told.push(`there -${key} ${room}`),
    },
    onJoined: ({ key }, room) => told.push(`+${key} ${room}`),
    onLeft: ({ key }, room) => told.push(`-${key} ${room}`),
    onLimited: ({ key }, option) => told.push(`limited ${key} ${option}`),
    onFailed: ({ key }, error) => told.push(`failed ${key} ${error.message}`),
  })
  const socket = (key: number, handler = {}): MemberSocket =>
    ({
      key,
      handler,
      readyState: ReadyState.OPEN,
      connection: { key, sendShared: () => {} },
    }) as unknown as MemberSocket
  return { memberships, interest, counters, rooms, told, socket }
}

t.test('a join is entered, told to main and to the connection, once', async (t) => {
  const { memberships, interest, told, socket } = setUp()
  const one = socket(1)
  t.same([memberships.join(one, 'a'), memberships.join(one, 'a')], [true, true])
  t.same(told, ['main +1 a', '+1 a'])
  t.equal(interest.has(0, 'a'), true)
  t.same([memberships.leave(one, 'a'), memberships.leave(one, 'a')], [true, false])
  t.same(told.slice(2), ['main -1 a', '-1 a'])
  t.equal(interest.has(0, 'a'), false)
})

t.test('who has closed has left all, of which main is not told', async (t) => {
  const { memberships, told, socket } = setUp()
  const one = socket(1)
  for (const room of ['a', 'b']) memberships.join(one, room)
  told.length = 0
  memberships.release(one)
  t.same(told, ['-1 a', '-1 b'])
  t.same([...memberships.namesOf(one)], [])
  t.equal(memberships.join({ ...one, readyState: ReadyState.CLOSED } as MemberSocket, 'a'), false)
})

t.test(
  'who has moved joins and leaves where it is now, and what its handler here knows is as of the move',
  async (t) => {
    const { memberships, interest, rooms, told, socket } = setUp()
    const one = socket(1)
    for (const room of ['a', 'b']) memberships.join(one, room)
    memberships.depart(one)
    rooms.leaveAll(one.connection)
    told.length = 0
    t.same([...memberships.namesOf(one)], ['a', 'b'])
    t.same([memberships.join(one, 'c'), await memberships.joinAsync(one, 'd')], [true, true])
    t.same([memberships.leave(one, 'a'), memberships.leave(one, 'x')], [true, false])
    t.equal(memberships.join(one, 'b'), true)
    t.same(told, ['there +1 c', 'there +1 d', 'there -1 a', 'there -1 x', 'there +1 b'])
    t.same([...memberships.namesOf(one)], ['b', 'c', 'd'])
    t.equal(rooms.size, 0, 'no ghost is left here')
    t.equal(interest.has(0, 'c'), false)
  },
)

t.test('a join that canJoin has not decided when its connection moves is entered where that is then', async (t) => {
  const { memberships, rooms, told, socket } = setUp()
  const verdict = deferred<boolean>()
  const one = socket(1, { canJoin: () => verdict.promise })
  const joining = memberships.joinAsync(one, 'a')
  memberships.depart(one)
  verdict.resolve(true)
  t.equal(await joining, true)
  t.same([told, rooms.size], [['there +1 a'], 0])
})

t.test('a join of one that has moved is refused by canJoin here, and when its shard is too far behind', async (t) => {
  const { memberships, counters, told, socket } = setUp({}, () => told.length > 1e9)
  const [forbidden, unreachable] = [socket(1, { canJoin: () => false }), socket(2)]
  for (const each of [forbidden, unreachable]) memberships.depart(each)
  t.same([memberships.join(forbidden, 'a'), memberships.join(unreachable, 'a')], [false, false])
  t.same(told, [])
  t.equal(counters.get(Counter.REFUSED_CAN_JOIN), 0, 'it was not even asked')
})

t.test('a join from the former shard is subject to the limits here', async (t) => {
  const { memberships, counters, told, socket } = setUp({ maxRoomsPerConnection: 1 })
  const one = socket(1)
  memberships.enterIfRoom(one, 'a')
  memberships.enterIfRoom(one, 'a')
  memberships.enterIfRoom(one, 'b')
  t.same([...memberships.namesOf(one)], ['a'])
  t.equal(told.filter((each) => each === '+1 a').length, 1)
  t.equal(counters.get(Counter.REFUSED_MAX_ROOMS_PER_CONNECTION), 1)
})

for (const [option, counter] of [
  ['maxRooms', Counter.REFUSED_MAX_ROOMS],
  ['maxRoomsPerConnection', Counter.REFUSED_MAX_ROOMS_PER_CONNECTION],
] as const) {
  t.test(`${option}: one below, at and over the limit`, async (t) => {
    const { memberships, counters, told, socket } = setUp({ [option]: 3 })
    const one = socket(1)
    t.same(
      ['a', 'b', 'c', 'd'].map((room) => memberships.join(one, room)),
      [true, true, true, false],
    )
    t.equal(counters.get(counter), 1)
    t.ok(told.includes(`limited 1 ${option}`))
    memberships.leave(one, 'a')
    t.equal(memberships.join(one, 'd'), true)
  })
}

t.test('maxRoomSize counts the members of this shard', async (t) => {
  const { memberships, counters, socket } = setUp({ maxRoomSize: 2 })
  t.same(
    [1, 2, 3].map((key) => memberships.join(socket(key), 'a')),
    [true, true, false],
  )
  t.equal(counters.get(Counter.REFUSED_MAX_ROOM_SIZE), 1)
})

t.test('maxRooms: rooms of other shards count as main knows them, and are no new ones', async (t) => {
  const { memberships, interest, socket } = setUp({ maxRooms: 3 })
  interest.enter(1, 'elsewhere')
  interest.setRooms(2)
  const one = socket(1)
  t.same(
    [memberships.join(one, 'a'), memberships.join(one, 'b'), memberships.join(one, 'elsewhere')],
    [true, false, true],
  )
})

t.test('maxRooms: rooms that come and go before main hears of them do not add up', async (t) => {
  const { memberships, socket } = setUp({ maxRooms: 1 })
  const [one, two] = [socket(1), socket(2)]
  for (let round = 0; round < 20; round++) {
    t.equal(memberships.join(one, `${round}`), true)
    t.equal(memberships.join(two, `${round}`), true, 'an old one')
    t.equal(memberships.join(two, 'another'), false)
    for (const each of [one, two]) memberships.leave(each, `${round}`)
  }
})

t.test('canJoin is that of the connection, and its failure a no', async (t) => {
  const { memberships, counters, told, socket } = setUp()
  const canJoin = (_socket: unknown, room: string): boolean => {
    if (room === 'broken') throw new Error('oops')
    return room === 'open'
  }
  const one = socket(1, { canJoin })
  t.same(
    ['open', 'closed', 'broken'].map((room) => memberships.join(one, room)),
    [true, false, false],
  )
  t.equal(memberships.join(socket(2), 'closed'), true)
  t.same([counters.get(Counter.REFUSED_CAN_JOIN), counters.get(Counter.HANDLER_ERRORS)], [2, 1])
  t.ok(told.includes('failed 1 oops'))
})
