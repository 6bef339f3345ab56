import t from 'tap'
import { LimitLog } from '../../src/main/limit-log.ts'
import { MainCounters } from '../../src/main/main-counters.ts'
import type { WebSocketServerOptions } from '../../src/main/options.ts'
import type { Peer } from '../../src/main/peer.ts'
import { resolveOptions } from '../../src/main/resolve-options.ts'
import { Rooms } from '../../src/main/rooms.ts'
import { ReadyState } from '../../src/shared/connection-table.ts'
import type { FanOut } from '../../src/shared/messages.ts'
import { RoomInterest } from '../../src/shared/room-interest.ts'
import { deferred } from '../fixtures/deferred.ts'
import { RecordingLogger } from '../fixtures/recording-logger.ts'

/** A shard, as far as the rooms know it: it notes what is posted to it. */
class FakeShard {
  readonly index: number
  readonly posts: string[] = []
  readonly frames: FanOut[] = []
  hasCredit = true
  readonly link = {
    hasCredit: () => this.hasCredit,
    join: (key: number, room: string) => void this.posts.push(`join ${key} ${room}`),
    leave: (key: number, room: string) => void this.posts.push(`leave ${key} ${room}`),
    publish: (rooms: readonly string[], fanOut: FanOut) => {
      this.posts.push(`publish ${rooms}`)
      this.frames.push(fanOut)
    },
  }

  constructor(index: number) {
    this.index = index
  }
}

function setUp(options: WebSocketServerOptions = {}, shardCount = 3) {
  const shards = Array.from({ length: shardCount }, (_, index) => new FakeShard(index))
  const peers: Peer[] = []
  const events: string[] = []
  const counters = new MainCounters()
  const logger = new RecordingLogger()
  const rooms = new Rooms({
    options: resolveOptions(options),
    counters,
    limitLog: new LimitLog(logger),
    observer: {
      onJoined: (peer, room) => void events.push(`joined ${peer.id} ${room}`),
      onLeft: (peer, room) => void events.push(`left ${peer.id} ${room}`),
      onError: (peer, error) => void events.push(`error ${peer?.id} ${error.message}`),
    },
    interest: RoomInterest.allocate(shardCount, 100),
    hasHandlersThere: () => false,
    isDestination: () => false,
    shards: () => shards as unknown as Peer['home'][],
    find: (id) => peers.find((peer) => peer.id === id),
  })
  const open = (shard = 0): Peer & { readyState: ReadyState } => {
    const key = peers.length
    const peer = { id: `p${key}`, key, home: shards[shard], readyState: ReadyState.OPEN } as unknown as Peer
    peers.push(peer)
    return peer
  }
  return { rooms, shards, events, counters, logger, open, overview: rooms.overview() }
}

t.test('RO03 RO04 RO06 RO07 RO08: who is where, at once, and empty rooms are gone', async (t) => {
  const { rooms, overview, open, events, shards } = setUp()
  const [one, two] = [open(0), open(1)]
  t.equal(rooms.join(one, 'red'), true)
  t.equal(rooms.join(one, 'red'), true, 'once more changes nothing')
  t.equal(rooms.join(two, 'red'), true)
  t.equal(rooms.join(two, 'blue'), true)
  t.same([overview.count, overview.size('red'), overview.size('blue'), overview.size('green')], [2, 2, 1, 0])
  t.same({ ...(await overview.list()) }, { red: 2, blue: 1 })
  t.same(await overview.members('red'), ['p0', 'p1'])
  t.same(await overview.members('green'), [])
  t.same([...rooms.namesOf(two)], ['red', 'blue'])
  t.equal(rooms.memberships, 3)

  t.equal(rooms.leave(two, 'blue'), true)
  t.equal(rooms.leave(two, 'blue'), false)
  t.equal(rooms.leave(one, 'green'), false)
  t.same([overview.count, overview.size('blue')], [1, 0])
  t.same(events, ['joined p0 red', 'joined p1 red', 'joined p1 blue', 'left p1 blue'])
  t.same(shards[0]?.posts, ['join 0 red'])
  t.same(shards[1]?.posts, ['join 1 red', 'join 1 blue', 'leave 1 blue'])
})

t.test('RO22: a publish is one post for each shard that has a member, and none for the others', async (t) => {
  const { rooms, open, shards } = setUp()
  for (const shard of [0, 0, 2]) rooms.join(open(shard), 'red')
  for (const shard of shards) shard.posts.length = 0
  t.equal(rooms.publish('red', 'news'), true)
  t.equal(rooms.publish('green', 'to nobody'), true)
  t.same(
    shards.map(({ posts }) => posts),
    [['publish red'], [], ['publish red']],
  )
  t.equal(shards[0]?.frames[0], shards[2]?.frames[0], 'and one frame')
})

t.test('a long message is mapped by the shards, a short one is copied', async (t) => {
  const { rooms, open, shards } = setUp()
  rooms.join(open(), 'red')
  for (const [bytes, isShared] of [
    [4091, false],
    [4092, true],
  ] as const) {
    rooms.publish('red', Buffer.alloc(bytes))
    const posted = shards[0]?.frames.pop()
    t.equal(posted?.frame instanceof SharedArrayBuffer, isShared, `${bytes} bytes and a header of 4`)
    t.equal(posted?.payloadBytes, bytes)
  }
})

t.test('who is excepted: an id, a connection, nobody', async (t) => {
  const { rooms, open, shards } = setUp()
  const [one, two] = [open(), open()]
  rooms.join(one, 'red')
  const exceptedBy = (options?: Parameters<Rooms['publish']>[2]): readonly number[] | undefined => {
    rooms.publish('red', 'news', options)
    return shards[0]?.frames.at(-1)?.excluded.keys
  }
  t.same(exceptedBy(), [])
  t.same(exceptedBy(true), [])
  t.same(exceptedBy({ except: two.id }), [two.key])
  t.same(exceptedBy({ except: two }), [two.key])
  t.same(exceptedBy({ except: [one, two.id, 'unknown'] }), [one.key, two.key])
  t.same(exceptedBy({ except: 'unknown' }), [])
  for (const except of [5, {}, null, [5]]) {
    t.throws(() => exceptedBy({ except } as object), { code: 'ARGUMENT_INVALID', message: /options\.except/ })
  }
})

t.test('a shard that is too far behind gets no publish and no join, but every leave', async (t) => {
  const { rooms, open, shards, counters, overview } = setUp()
  const [one, two] = [open(0), open(1)]
  rooms.join(one, 'red')
  rooms.join(two, 'red')
  shards[0]!.hasCredit = false
  t.equal(rooms.publish('red', 'news'), false)
  t.equal(counters.refusedByLink, 1)
  t.equal(rooms.join(one, 'blue'), false)
  t.equal(counters.refusedJoins.link, 1)
  t.equal(overview.size('blue'), 0)
  t.equal(rooms.leave(one, 'red'), true)
  t.same(shards[0]?.posts, ['join 0 red', 'leave 0 red'])
  t.same(shards[1]?.posts, ['join 1 red', 'publish red'])
})

t.test('who is not open joins nothing', async (t) => {
  const { rooms, open, overview, counters } = setUp()
  for (const state of [ReadyState.CLOSING, ReadyState.CLOSED]) {
    const peer = Object.assign(open(), { readyState: state })
    t.equal(rooms.join(peer, 'red'), false)
    t.equal(await rooms.joinAsync(peer, 'red'), false)
  }
  t.equal(overview.count, 0)
  t.same(counters, new MainCounters(), 'that is no refusal')
})

t.test('RO18: who is gone leaves all rooms, and no listener sees anything of it left', async (t) => {
  const { rooms, open, events, overview, shards } = setUp()
  const [one, two, three] = [open(0), open(0), open(1)]
  for (const peer of [one, two, three]) rooms.join(peer, 'red')
  rooms.join(one, 'blue')
  const sizes: number[] = []
  events.push = (...texts) => {
    sizes.push(overview.size('red'), overview.size('blue'))
    return Array.prototype.push.apply(events, texts)
  }
  rooms.release([one, two])
  t.same(events.slice(4), ['left p0 red', 'left p0 blue', 'left p1 red'])
  t.same(sizes, [1, 0, 1, 0, 1, 0], 'from the first event on')
  rooms.release([one, two])
  t.equal(events.length, 7, 'each once')
  t.notOk(
    shards[0]?.posts.some((post) => post.startsWith('leave')),
    'the shard knows',
  )
  t.same([overview.count, rooms.memberships], [1, 1])
})

const LIMITED = [
  { option: 'maxRooms', options: { maxRooms: 3 } },
  { option: 'maxRoomsPerConnection', options: { maxRoomsPerConnection: 3 } },
] as const

for (const { option, options } of LIMITED) {
  t.test(`RO17: ${option} - 1, ${option}, ${option} + 1`, async (t) => {
    const { rooms, open, counters, logger, overview } = setUp(options)
    const peer = open()
    for (const name of ['a', 'b', 'c']) t.equal(rooms.join(peer, name), true, name)
    t.equal(rooms.join(peer, 'd'), false)
    t.equal(await rooms.joinAsync(peer, 'd'), false)
    t.equal(rooms.join(peer, 'c'), true, 'it is in there')
    t.equal(counters.refusedJoins[option], 2)
    t.match(logger.records[0], { details: { option, id: peer.id, room: 'd' } })
    rooms.leave(peer, 'a')
    t.equal(rooms.join(peer, 'd'), true, 'there is room again')
    t.same([overview.count, counters.refusedJoins[option]], [3, 2])
  })
}

t.test('RO10: maxRoomSize - 1, maxRoomSize, maxRoomSize + 1', async (t) => {
  const { rooms, open, counters, logger } = setUp({ maxRoomSize: 3 })
  for (let size = 1; size <= 3; size++) t.equal(rooms.join(open(), 'red'), true, `${size}`)
  const late = open()
  t.equal(rooms.join(late, 'red'), false)
  t.equal(rooms.join(late, 'blue'), true, 'other rooms are not full')
  t.equal(counters.refusedJoins.maxRoomSize, 1)
  t.match(logger.records, [{ details: { option: 'maxRoomSize', id: late.id, room: 'red' } }])
})

t.test('RO12: canJoin decides, only true lets in, and one that throws has said no', async (t) => {
  let verdict: unknown = true
  const { rooms, open, counters, events } = setUp({
    canJoin: (socket, room) => {
      if (room === 'broken') throw new Error(`broken for ${socket.id}`)
      return verdict as boolean
    },
  })
  const peer = open()
  t.equal(rooms.join(peer, 'yes'), true)
  for (const answer of [false, undefined, 1, 'true', null]) {
    verdict = answer
    t.equal(rooms.join(peer, 'no'), false, String(answer))
    t.equal(await rooms.joinAsync(peer, 'no'), false, String(answer))
  }
  t.equal(rooms.join(peer, 'yes'), true, 'who is in is not asked again')
  t.equal(rooms.join(peer, 'broken'), false)
  t.same(events, ['joined p0 yes', 'error p0 broken for p0'])
  t.same([counters.refusedJoins.canJoin, counters.handlerErrors], [11, 1])
})

t.test('RO12: canJoin that answers with a promise is for joinAsync; join lets nobody in', async (t) => {
  const { rooms, open, overview, counters, events } = setUp({
    canJoin: async (_, room) => {
      if (room === 'broken') throw new Error('broken')
      return room === 'yes'
    },
  })
  const peer = open()
  t.throws(() => rooms.join(peer, 'yes'), { code: 'ARGUMENT_INVALID', message: /joinAsync/ })
  t.throws(() => rooms.join(peer, 'broken'), { code: 'ARGUMENT_INVALID' })
  t.equal(overview.count, 0)
  t.equal(await rooms.joinAsync(peer, 'yes'), true)
  t.equal(await rooms.joinAsync(peer, 'no'), false)
  t.equal(await rooms.joinAsync(peer, 'broken'), false)
  t.same(events, ['error p0 broken', 'joined p0 yes', 'error p0 broken'])
  t.equal(counters.refusedJoins.canJoin, 2)
})

t.test('RO12: what has changed while canJoin was thinking counts', async (t) => {
  let verdict = deferred<boolean>()
  const { rooms, open, overview, events } = setUp({ maxRoomSize: 1, canJoin: () => verdict.promise })
  const settle = async (joins: Promise<boolean>[], before = (): void => {}): Promise<boolean[]> => {
    before()
    verdict.resolve(true)
    const results = await Promise.all(joins)
    verdict = deferred()
    return results
  }
  const [one, two] = [open(), open()]
  t.same(await settle([rooms.joinAsync(one, 'full'), rooms.joinAsync(two, 'full')]), [true, false])
  t.same(await settle([rooms.joinAsync(one, 'twice'), rooms.joinAsync(one, 'twice')]), [true, true])
  const closing = open()
  t.same(
    await settle([rooms.joinAsync(closing, 'late')], () => {
      closing.readyState = ReadyState.CLOSED
      rooms.release([closing])
    }),
    [false],
  )
  t.same(events, ['joined p0 full', 'error p1 the join of "full" was refused by maxRoomSize', 'joined p0 twice'])
  t.same([overview.count, rooms.memberships], [2, 2])
})

t.test('joins that canJoin has not decided count for maxRoomsPerConnection', async (t) => {
  const verdict = deferred<boolean>()
  const { rooms, open, counters } = setUp({ maxRoomsPerConnection: 2, canJoin: () => verdict.promise })
  const [one, two] = [open(), open()]
  const joins = ['a', 'b', 'c'].map((room) => rooms.joinAsync(one, room))
  t.equal(await joins[2], false)
  t.equal(counters.refusedJoins.maxRoomsPerConnection, 1)
  const other = rooms.joinAsync(two, 'a')
  verdict.resolve(true)
  t.same(await Promise.all([...joins, other]), [true, true, false, true])
  rooms.leave(one, 'a')
  t.equal(await rooms.joinAsync(one, 'c'), true, 'none is undecided any more')
})

t.test('the limits are asked before canJoin', async (t) => {
  let asked = 0
  const canJoin = (): boolean => ++asked > 0
  const { rooms, open } = setUp({ maxRoomSize: 1, canJoin })
  rooms.join(open(), 'red')
  rooms.join(open(), 'red')
  t.equal(asked, 1)
})

const GOOD_NAMES = ['x', ' ', '__proto__', 'constructor', 'toString', 'hasOwnProperty', '0', '💥', 'a\nb', '\uFEFF']
const LONGEST_NAMES = ['x'.repeat(255), `${'ä'.repeat(127)}x`, '漢'.repeat(85), `${'💥'.repeat(63)}abc`]
const BAD_NAMES = ['', 'a\0b', '\0', '\uD800', 'x\uDC00y', `${'x'.repeat(256)}`, 'ä'.repeat(128), '漢'.repeat(86)]
const NO_NAMES = [undefined, null, 5, {}, ['a'], Symbol('a'), Buffer.from('a')]

t.test('names: any string of 1 to 255 bytes of UTF-8', async (t) => {
  const { rooms, open, overview } = setUp()
  const peer = open()
  const names = [...GOOD_NAMES, ...LONGEST_NAMES]
  for (const name of names) {
    t.equal(overview.size(name), 0, `nobody is in ${JSON.stringify(name.slice(0, 20))}`)
    t.equal(rooms.leave(peer, name), false)
    t.equal(rooms.publish(name, 'to nobody'), true)
    t.equal(rooms.join(peer, name), true)
  }
  t.same([...rooms.namesOf(peer)], names)
  const list = await overview.list()
  t.same(Object.keys(list).sort(), [...names].sort())
  t.ok(names.every((name) => list[name] === 1))
  t.equal(Object.getPrototypeOf(list), null)
  t.equal(Object.getPrototypeOf({}), Object.prototype)
  for (const name of names) t.equal(rooms.leave(peer, name), true)
  t.equal(overview.count, 0)
})

t.test('names: everything else is the mistake of the caller', async (t) => {
  const { rooms, open, overview } = setUp()
  const peer = open()
  for (const bad of [...BAD_NAMES, ...NO_NAMES]) {
    const name = bad as string
    const expected = { name: 'ShardwsError', code: 'ARGUMENT_INVALID', message: /^room must be / }
    t.throws(() => rooms.join(peer, name), expected)
    t.throws(() => rooms.leave(peer, name), expected)
    t.throws(() => rooms.publish([name], 'x'), expected)
    t.throws(() => overview.size(name), expected)
    await t.rejects(rooms.joinAsync(peer, name), expected)
    await t.rejects(overview.members(name), expected)
  }
  t.throws(() => rooms.publish('red', 5 as unknown as string), {
    code: 'ARGUMENT_INVALID',
    message: /^message must be/,
  })
  t.equal(overview.count, 0)
})
