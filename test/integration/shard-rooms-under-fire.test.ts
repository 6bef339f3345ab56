/**
 * As rooms-under-fire, with handlers in the shards: what they publish goes from shard to shard, and nobody sees the whole.
 * ROOMS_FIRE_MS says for how long (default 3000), ROOMS_FIRE_SEED with what seed (default: one that is printed).
 */
import { randomUUID } from 'node:crypto'
import t from 'tap'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { Publishers, RoomWitness } from '../fixtures/room-witness.ts'
import { Random } from '../fuzz/random.ts'

const CLIENTS = 300
const SHARDS = 3
const ROOMS = 40
const DURATION_MS = Number(process.env.ROOMS_FIRE_MS ?? 3000)
const SEED = process.env.ROOMS_FIRE_SEED ?? randomUUID()
/** In one round. */
const CLIENT_ACTS = 20
const OWN_PUBLISHES = 2
const ROUND_MS = 5
/** The number under which main publishes. */
const MAIN = 0

t.test(
  'RO01 RO03 RO04 RO24 rooms under fire, with handlers in the shards',
  { timeout: DURATION_MS + 90_000 },
  async (t) => {
    t.comment(`ROOMS_FIRE_SEED=${SEED}`)
    const random = new Random(SEED)
    const engine = await EngineUnderTest.start(t, {
      shards: SHARDS,
      handler: new URL('../fixtures/handlers/rooms.handler.js', import.meta.url),
      maxBackpressure: 64 * 1024 * 1024,
    })
    const { server } = engine
    server.setMaxListeners(0)
    const publishers = new Publishers(ROOMS)
    let opened = MAIN
    const open = (): Promise<RoomWitness> =>
      RoomWitness.open(server, `ws://127.0.0.1:${engine.port}`, ++opened, publishers)
    const present = await Promise.all(Array.from({ length: CLIENTS }, open))
    const gone: RoomWitness[] = []

    const startMs = performance.now()
    for (let round = 0; performance.now() - startMs < DURATION_MS; round++) {
      for (let act = 0; act < CLIENT_ACTS; act++) {
        const witness = random.pick(present)
        if (random.oneIn(3)) witness.publish(random.below(ROOMS))
        else witness.toggle(random.below(ROOMS))
      }
      for (let act = 0; act < OWN_PUBLISHES; act++) {
        const room = random.below(ROOMS)
        if (!server.publish(`${room}`, publishers.next(MAIN, room))) throw new Error('main was refused')
      }
      if (round % 8 === 7) {
        const leaving = present.splice(random.below(present.length), 1) as [RoomWitness]
        await leaving[0].close()
        gone.push(...leaving)
        present.push(await open())
      }
      await new Promise((resolve) => setTimeout(resolve, ROUND_MS))
    }

    const settled = (): boolean =>
      present.every(({ stays }) => [...stays.values()].every((stay) => stay.isAcknowledged))
    await eventually('every join and leave is acknowledged', settled)
    const missing = (): string[] => present.flatMap((witness) => witness.missing())
    await eventually('everything has arrived', () => missing().length === 0).catch(() => {})
    const received = [...present, ...gone].reduce((sum, each) => sum + each.received, 0)
    t.comment(`${publishers.total} publishes, ${received} deliveries, ${gone.length} clients left`)

    t.ok(publishers.total > 100 && received > 1000 && gone.length > 0, 'enough has happened')
    t.same(
      [...present, ...gone].flatMap(({ faults }) => faults),
      [],
      'nobody got what it did not join, and of each publisher in a room everything from a point on, in order',
    )
    t.same(missing(), [], 'nothing is lost')
    const directory = async (): Promise<string[]> => {
      const rooms = Object.keys(await server.rooms.list())
      const lists = await Promise.all(rooms.map((room) => server.rooms.members(room)))
      return rooms.flatMap((room, at) => (lists[at] ?? []).map((id) => `${room} ${id}`)).sort()
    }
    const expected = present.flatMap(({ id, stays }) => [...stays.keys()].map((room) => `${room} ${id}`)).sort()
    await eventually('main has heard of all', () => server.stats().memberships === expected.length).catch(() => {})
    t.same(await directory(), expected, 'the directory is exact')
    t.match(server.stats(), { dropped: { link: 0, backpressure: 0, slowConsumer: 0 }, errors: { handler: 0 } })
    await Promise.all(present.map((witness) => witness.close()))
    await eventually('all are gone', () => server.getConnections().length === 0)
    t.same([server.rooms.count, server.stats().memberships], [0, 0])
  },
)
