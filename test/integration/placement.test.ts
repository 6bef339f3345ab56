import { extname } from 'node:path'
import { BroadcastChannel } from 'node:worker_threads'
import t, { type Test } from 'tap'
import type { UpgradeRequest, WebSocketServerOptions } from '../../src/index.ts'
import { EngineUnderTest, type Joined, nextText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { LEAK_CHANNEL, type Leak } from '../fixtures/shards/leaks.ts'
import { ShardOrders, shardUrl } from '../fixtures/shards/shard-orders.ts'
import { SeededRandom } from '../reliability/seeded-random.ts'

interface Sharded {
  readonly engine: EngineUnderTest
  readonly orders: ShardOrders
}

async function sharded(t: Test, options: WebSocketServerOptions): Promise<Sharded> {
  const orders = new ShardOrders()
  t.teardown(() => orders.close())
  const engine = await EngineUnderTest.start(t, { shards: 3, shardUrl: shardUrl('obedient'), ...options })
  return { engine, orders }
}

const byRoom = ({ query }: UpgradeRequest): string => query.room as string

async function echoes({ client, id }: Joined, engine: EngineUnderTest, t: Test): Promise<void> {
  t.equal(engine.server.send(id, `hello ${id}`), true)
  t.equal(await nextText(client), `hello ${id}`)
}

/** The first room that meets this shard, found by asking. */
async function roomOf(shard: number, engine: EngineUnderTest): Promise<string> {
  for (let room = 0; ; room++) {
    const { peer } = await engine.join({ path: `/?room=${room}` })
    if (peer.shard === shard) return String(room)
  }
}

t.test('shardBy: connections of one key meet on one shard, whoever comes in between', async (t) => {
  const { engine } = await sharded(t, { shardBy: byRoom })
  const random = new SeededRandom(20)
  const shardOf = new Map<string, number>()
  for (let i = 0; i < 150; i++) {
    const room = `room-${random.below(24)}`
    const { peer } = await engine.join({ path: `/?room=${room}&n=${i}` })
    t.equal(peer.shard, shardOf.get(room) ?? peer.shard, room)
    shardOf.set(room, peer.shard)
  }
  t.equal(new Set(shardOf.values()).size, 3, 'all shards are used')
})

t.test('shardBy sees the user and the parameters of the route', async (t) => {
  const seen: unknown[] = []
  const { engine } = await sharded(t, {
    shards: 2,
    verifyClient: async () => ({ user: 'ada' }),
    shardBy: ({ user, params }) => {
      seen.push([user, params.document])
      return params.document as string
    },
  })
  engine.server.route('/documents/:document', { message: () => {} })
  const one = await engine.join({ path: '/documents/d%207' })
  const other = await engine.join({ path: '/documents/d%207?again' })
  t.equal(one.peer.shard, other.peer.shard)
  t.same(seen, [
    ['ada', 'd 7'],
    ['ada', 'd 7'],
  ])
})

t.test('shardBy: the death of the shard does not send its key elsewhere', async (t) => {
  const { engine, orders } = await sharded(t, { shards: 2, shardBy: byRoom })
  const room = await roomOf(1, engine)
  await orders.give({ shard: 1, act: 'throw' })
  await engine.journal.shardEvent('exited')
  const joined = await Promise.all([1, 2, 3].map((n) => engine.join({ path: `/?room=${room}&n=${n}` })))
  for (const each of joined) {
    t.equal(each.peer.shard, 1)
    await echoes(each, engine, t)
  }
  t.equal(engine.server.stats().rejected.total, 0)
})

t.test('shardBy: with its shard blocked a handshake waits for it, while other keys are served', async (t) => {
  const { engine, orders } = await sharded(t, { shards: 2, shardBy: byRoom })
  const [room, otherRoom] = [await roomOf(1, engine), await roomOf(0, engine)]
  const release = await orders.hold(1)
  const waiting = engine.join({ path: `/?room=${room}&late`, deadlineMs: 10_000 })
  await echoes(await engine.join({ path: `/?room=${otherRoom}&meanwhile` }), engine, t)
  await eventually('it is asked for again', () => engine.server.stats().handoffs.replaced > 0)
  release()
  const joined = await waiting
  t.equal(joined.peer.shard, 1)
  await echoes(joined, engine, t)
})

t.test('shardBy: with its shard blocked past the deadline a handshake gets 503', async (t) => {
  const { engine, orders } = await sharded(t, { shards: 2, shardBy: byRoom, handshakeTimeoutMs: 1300 })
  const room = await roomOf(1, engine)
  const release = await orders.hold(1)
  t.equal(await engine.statusOf({ path: `/?room=${room}` }), 503)
  release()
  t.same(engine.server.stats().rejected.reasons, { HANDSHAKE_TIMEOUT: 1 })
})

t.test('shardBy: with its shard short of memory a handshake waits until it has some again', async (t) => {
  const channel = new BroadcastChannel(LEAK_CHANNEL)
  t.teardown(() => channel.close())
  const leak = (pressure: number): void => channel.postMessage({ shard: 1, what: 'objects', pressure } satisfies Leak)
  const engine = await EngineUnderTest.start(t, {
    shards: 2,
    shardBy: byRoom,
    shardUrl: new URL(`../fixtures/shards/leaky-shard${extname(import.meta.url)}`, import.meta.url),
    resourceLimits: { maxOldGenerationSizeMb: 40, maxYoungGenerationSizeMb: 4 },
  })
  const [room, otherRoom] = [await roomOf(1, engine), await roomOf(0, engine)]
  const pressure = (): number => engine.server.stats().shards[1]!.memoryPressure
  leak(0.84)
  await eventually('it is short of memory', () => pressure() >= 0.8)
  const waiting = engine.join({ path: `/?room=${room}&late`, deadlineMs: 10_000 })
  t.equal((await engine.join({ path: `/?room=${otherRoom}&meanwhile` })).peer.shard, 0)
  t.equal(engine.journal.connections.filter(({ request }) => request.query.late !== undefined).length, 0)
  leak(0)
  t.equal((await waiting).peer.shard, 1)
  t.ok(pressure() < 0.8)
  t.equal(engine.server.stats().handoffs.replaced, 0)
})

t.test('shardBy: a degraded shard is not waited for', async (t) => {
  const { engine, orders } = await sharded(t, { shards: 2, shardBy: byRoom })
  const room = await roomOf(1, engine)
  for (let death = 1; death <= 4; death++) {
    await orders.give({ shard: 1, act: 'throw' })
    const kind = death === 4 ? 'degraded' : 'started'
    const count = death === 4 ? 1 : 2 + death
    const events = () => engine.journal.shardEvents.filter((event) => event.kind === kind)
    await engine.journal.until(`${kind} after death ${death}`, () => events().length >= count || undefined)
  }
  t.equal(await engine.statusOf({ path: `/?room=${room}` }), 503)
  t.same(engine.server.stats().rejected.reasons, { NO_SHARD: 1 })
})

t.test('round-robin: in turn, also when connections end', async (t) => {
  const { engine } = await sharded(t, { placement: 'round-robin' })
  const placed: number[] = []
  for (let i = 0; i < 9; i++) {
    const { client, peer, id } = await engine.join()
    placed.push(peer.shard)
    if (i % 3 !== 2) continue
    client.destroy()
    await engine.journal.closeOf(id)
  }
  t.same(placed, [0, 1, 2, 0, 1, 2, 0, 1, 2])
})

t.test('a placement function decides, by the request and by what the shards have', async (t) => {
  const { engine } = await sharded(t, {
    placement: ({ path }, shards) => {
      if (path === '/vip') return 2
      const [first, second] = shards
      return first!.connections <= second!.connections ? 0 : 1
    },
  })
  const placed: number[] = []
  for (const path of ['/', '/vip', '/', '/', '/vip', '/'])
    placed.push((await engine.join({ path: `${path}?${placed.length}` })).peer.shard)
  t.same(placed, [0, 2, 1, 0, 2, 1])
})

t.test('a function that throws, or names no shard, costs that client 500 and nobody else anything', async (t) => {
  const { engine } = await sharded(t, {
    shards: 2,
    placement: ({ query }) => {
      if (query.act === 'throw') throw new Error('no tenant')
      if (query.act === 'reject') return Promise.reject(new Error('late')) as unknown as number
      return query.act === undefined ? 0 : Number(query.act)
    },
  })
  const bystander = await engine.join()
  for (const act of ['throw', 'reject', '2', '-1', 'x'])
    t.equal(await engine.statusOf({ path: `/?act=${act}` }), 500, act)
  t.same(
    engine.journal.errors.map(({ id, error }) => [id, error.code]),
    new Array(5).fill([null, 'PLACEMENT_FAILED']),
  )
  t.match(engine.journal.errors[0]?.error.message, /no tenant/)
  t.match(engine.server.stats(), { errors: { handler: 5 }, rejected: { total: 5, reasons: { PLACEMENT_FAILED: 5 } } })
  await echoes(bystander, engine, t)
  await echoes(await engine.join(), engine, t)
})

t.test('shardBy without shards: everyone is on the main thread', async (t) => {
  const { engine } = await sharded(t, { shards: 0, shardBy: byRoom })
  for (const room of ['a', 'b', 'c']) await echoes(await engine.join({ path: `/?room=${room}` }), engine, t)
})
