import t from 'tap'
import { MainCounters } from '../../src/main/main-counters.ts'
import { Reservation, type ReservationContext } from '../../src/main/reservation.ts'
import type { RunningShard } from '../../src/main/running-shard.ts'
import { ShardwsError } from '../../src/shared/errors.ts'

const IN_TIME_MS = 999
const TOO_LATE_MS = 1000

interface FakeShard {
  assigned: number
  canTake: boolean
  isLate: boolean
  isRunning: boolean
  asked: number
}

/** Shards by seat, and a handshake that wants a place. The next seat is the first one whose shard can take it. */
function setUp({ shards = 2, home = null as number | null } = {}) {
  const seats = Array.from({ length: shards }, (): FakeShard => {
    return { assigned: 0, canTake: true, isLate: false, isRunning: true, asked: 0 }
  })
  const withLinks = seats.map((shard) => Object.assign(shard, { link: { reserve: () => void shard.asked++ } }))
  const running = withLinks as unknown as RunningShard[]
  const world = {
    isComing: true,
    waiting: new Set<() => void>(),
    choose: (): number | null => {
      const seat = seats.findIndex(({ canTake, isLate }) => canTake && !isLate)
      return seat === -1 ? null : seat
    },
  }
  const failures: string[] = []
  const errors: Error[] = []
  const context: ReservationContext = {
    counters: new MainCounters(),
    nowMs: 0,
    chooseSeat: () => world.choose(),
    isSeated: (shard) => running.includes(shard),
    shardAt: (seat) => running[seat] ?? null,
    isComing: () => world.isComing,
    awaitShard: (callback) => world.isComing && world.waiting.add(callback) !== undefined,
    cancelAwait: (callback) => void world.waiting.delete(callback),
    onError: (error) => void errors.push(error),
  }
  const applying = {
    ...{ key: 1, module: -1, request: {}, home: home === null ? null : running[home] },
    fail: (code: string) => void failures.push(code),
  } as unknown as ConstructorParameters<typeof Reservation>[0]
  const reservation = new Reservation(applying, context)
  /** The shard is gone, and none will come. Returns how the handshake has failed. */
  const loseForGood = (shard: FakeShard): readonly string[] => {
    shard.canTake = false
    world.isComing = false
    reservation.replace()
    return failures
  }
  return { reservation, context, world, seats, running, failures, errors, loseForGood }
}

t.test('a shard that confirms in time keeps it', async (t) => {
  const { reservation, running, seats, failures } = setUp()
  reservation.begin()
  t.equal(reservation.shard, running[0])
  t.match(seats[0], { asked: 1, assigned: 1 })
  reservation.sweep(IN_TIME_MS)
  reservation.confirm()
  reservation.sweep(60_000)
  t.equal(reservation.shard, running[0])
  t.same(failures, [])
})

t.test('one that does not is late, and another one is asked', async (t) => {
  const { reservation, context, running, seats } = setUp()
  reservation.begin()
  reservation.sweep(IN_TIME_MS)
  t.equal(reservation.shard, running[0])
  reservation.sweep(TOO_LATE_MS)
  t.equal(reservation.shard, running[1])
  t.match(seats, [
    { assigned: 0, isLate: true },
    { assigned: 1, asked: 1 },
  ])
  t.equal(context.counters.replaced, 1)
})

t.test('where any shard will do it waits for the next one, or fails if there will be none', async (t) => {
  const { reservation, world, seats, running, loseForGood } = setUp({ shards: 1 })
  const [only] = seats as [FakeShard]
  only.canTake = false
  reservation.begin()
  t.same([reservation.shard, world.waiting.size], [null, 1])
  only.canTake = true
  for (const callback of world.waiting) callback()
  t.equal(reservation.shard, running[0])
  reservation.end()
  t.equal(world.waiting.size, 0)
  t.same(loseForGood(only), ['NO_SHARD'])
})

t.test('where no other shard will do it looks for that one at every sweep', async (t) => {
  const { reservation, world, seats, running, failures, loseForGood } = setUp()
  const second = seats[1] as FakeShard
  world.choose = () => 1
  second.canTake = false
  reservation.begin()
  reservation.sweep(60_000)
  t.same([reservation.shard, failures], [null, []])
  second.canTake = true
  reservation.sweep(60_050)
  t.equal(reservation.shard, running[1])
  t.same(loseForGood(second), ['NO_SHARD'])
})

t.test('a placement that fails is an error of the application', async (t) => {
  const { reservation, context, world, failures, errors } = setUp()
  world.choose = () => {
    throw new ShardwsError('PLACEMENT_FAILED')
  }
  reservation.begin()
  t.match(errors, [{ code: 'PLACEMENT_FAILED' }])
  t.same([failures, context.counters.handlerErrors], [['PLACEMENT_FAILED'], 1])
})

t.test('a request that a shard has read stays there, however late that is, and ends with it', async (t) => {
  const { reservation, seats, running, failures } = setUp({ home: 1 })
  reservation.begin()
  reservation.sweep(60_000)
  t.equal(reservation.shard, running[1])
  t.match(seats[1], { isLate: false, asked: 1 })
  ;(seats[1] as FakeShard).isRunning = false
  reservation.replace()
  t.same(failures, ['NO_SHARD'])
})
