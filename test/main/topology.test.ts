import t from 'tap'
import { Topology } from '../../src/main/topology.ts'
import { deferred } from '../fixtures/deferred.ts'

interface FakeShard {
  readonly name: string
  isAdopting: boolean
  canTake: boolean
}

/** Shards with so many connections each; moves are noted, and are over when the test says so. */
function setUp(counts: Readonly<Record<string, number>>, options: object = {}) {
  const shards = Object.keys(counts).map((name): FakeShard => ({ name, isAdopting: true, canTake: true }))
  const peers = shards.flatMap((home) =>
    Array.from({ length: counts[home.name] ?? 0 }, (_, number) => ({
      request: { url: `${home.name}${number}` },
      home,
      isOn: (other: unknown) => other === home,
    })),
  )
  const world = {
    shards,
    seats: shards as (FakeShard | null)[],
    moves: [] as string[],
    isShutDown: false,
    go: Promise.resolve(),
    seatOf: (_url: string): number | null => 0,
  }
  const topology = new Topology({
    options: { shards: shards.length, ...options },
    peers,
    isShutDown: () => world.isShutDown,
    chooseSeat: ({ url }: { url: string }) => world.seatOf(url),
    supervisor: {
      ready: () => Promise.resolve(),
      get seats() {
        return world.seats
      },
    },
    mover: {
      async move(those: readonly unknown[], from: FakeShard, to: FakeShard) {
        world.moves.push(`${those.length} ${from.name}${to.name}`)
        await world.go
        return { moved: those.length, stayed: 0 }
      },
    },
  } as unknown as ConstructorParameters<typeof Topology>[0])
  return { topology, world }
}

t.test('a rebalance evens out what is on shards that can let go', async (t) => {
  const { topology, world } = setUp({ a: 6, b: 0, c: 9 })
  ;(world.shards[2] as FakeShard).isAdopting = false
  t.same(await topology.rebalance(), { moved: 3, stayed: 0, closed: 0 })
  t.same(world.moves, ['3 ab'])
})

t.test('a shard that is short of memory gives, and takes nobody', async (t) => {
  const { topology, world } = setUp({ a: 0, b: 1, c: 8 })
  ;(world.shards[0] as FakeShard).canTake = false
  await topology.rebalance()
  t.same(world.moves, ['3 cb'])
})

t.test('with shardBy everybody goes where the key says, in one move for each way', async (t) => {
  const { topology, world } = setUp({ a: 2, b: 2 }, { shardBy: () => '' })
  world.seatOf = (url) => (url.endsWith('0') ? 1 : null)
  t.match(await topology.rebalance(), { moved: 1 })
  t.same(world.moves, ['1 ab'], 'who has no place stays')
})

t.test('evenOut moves no more than so many', async (t) => {
  const { topology, world } = setUp({ a: 9, b: 0, c: 0 })
  t.same(await topology.evenOut(4), { moved: 4, stayed: 0 })
  t.same(
    world.moves.map((move) => Number.parseInt(move, 10)).reduce((sum, count) => sum + count, 0),
    4,
  )
})

t.test(
  'evenOut is not for when something else changes, a shard is missing or stands still, or the server ends',
  async (t) => {
    const { topology, world } = setUp({ a: 4, b: 0 })
    const gate = deferred<void>()
    world.go = gate.promise
    const rebalancing = topology.rebalance()
    t.equal(topology.evenOut(9), null)
    gate.resolve()
    await rebalancing
    world.moves.length = 0
    const [one, other] = world.shards as [FakeShard, FakeShard]
    world.seats = [one, null]
    t.equal(topology.evenOut(9), null)
    world.seats = [one, other]
    other.isAdopting = false
    t.equal(topology.evenOut(9), null)
    other.isAdopting = true
    world.isShutDown = true
    t.equal(topology.evenOut(9), null)
    t.same(world.moves, [])
    world.isShutDown = false
    t.same(await topology.evenOut(9), { moved: 2, stayed: 0 })
  },
)

t.test('changes happen one after another, and none begins in a shutdown', async (t) => {
  const { topology, world } = setUp({ a: 4, b: 0 })
  const gate = deferred<void>()
  world.go = gate.promise
  const first = topology.rebalance()
  const second = t.rejects(topology.rebalance(), { code: 'SERVER_CLOSED' })
  await new Promise((resolve) => setImmediate(resolve))
  t.same(world.moves, ['2 ab'])
  world.isShutDown = true
  gate.resolve()
  t.match(await first, { moved: 2 })
  await second
  t.same(world.moves, ['2 ab'])
})
