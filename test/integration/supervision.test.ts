import t, { type Test } from 'tap'
import type { WebSocketServerOptions } from '../../src/index.ts'
import { deferred } from '../fixtures/deferred.ts'
import { EngineUnderTest, type Joined, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import type { Order } from '../fixtures/shards/orders.ts'
import { ShardOrders, shardUrl } from '../fixtures/shards/shard-orders.ts'

interface Supervised {
  readonly engine: EngineUnderTest
  readonly orders: ShardOrders
}

async function supervised(t: Test, options: WebSocketServerOptions): Promise<Supervised> {
  const orders = new ShardOrders()
  t.teardown(() => orders.close())
  const engine = await EngineUnderTest.start(t, { shardUrl: shardUrl('obedient'), ...options })
  return { engine, orders }
}

/** Orders a shard to die and waits until its replacement adopts; tells how long that took. */
async function killAndAwaitReplacement({ engine, orders }: Supervised, order: Order, t: Test): Promise<void> {
  const seen = engine.journal.shardEvents.length
  const orderedMs = performance.now()
  await orders.give(order)
  const next = (kind: string) =>
    engine.journal.until(`${kind} of shard ${order.shard}`, () =>
      engine.journal.shardEvents.slice(seen).find((event) => event.kind === kind && event.shard === order.shard),
    )
  const exited = await next('exited')
  const started = await next('started')
  t.comment(
    `${order.act}: noticed after ${(exited.atMs - orderedMs).toFixed(0)} ms (expected <= 500), ` +
      `replaced after ${(started.atMs - orderedMs).toFixed(0)} ms (expected <= 1000)`,
  )
  t.ok(started.atMs - orderedMs < 10_000)
}

async function echoes({ client, id }: Joined, engine: EngineUnderTest, t: Test): Promise<void> {
  t.equal(engine.server.send(id, `hello ${id}`), true)
  t.equal(await nextText(client), `hello ${id}`)
}

for (const act of ['throw', 'exit', 'reject', 'return'] as const) {
  t.test(`row 4: a shard that dies by ${act} takes only its own connections with it`, async (t) => {
    const { engine, orders } = await supervised(t, { shards: 3 })
    const joined = await engine.joinMany(9)
    const doomed = joined.filter(({ peer }) => peer.shard === 1)
    const others = joined.filter(({ peer }) => peer.shard !== 1)
    t.equal(doomed.length, 3)
    await killAndAwaitReplacement({ engine, orders }, { shard: 1, act }, t)
    for (const { client, id } of doomed) {
      t.match(await engine.journal.closeOf(id), { code: 1006 })
      // One that can still say something tells its clients to come back.
      const { closeFrameSeen, closeCode } = await client.waitClosed()
      t.same([closeFrameSeen, closeCode], act === 'throw' ? [true, 1012] : [false, undefined])
    }
    for (const each of others) await echoes(each, engine, t)

    const newcomers = await engine.joinMany(3)
    for (const each of newcomers) await echoes(each, engine, t)
    t.same(
      newcomers.map(({ peer }) => peer.shard),
      [1, 1, 1],
      'the replacement has room',
    )
    t.same(engine.journal.closes.map(({ id }) => id).sort(), doomed.map(({ id }) => id).sort(), 'each exactly once')
    t.equal(engine.server.getConnections().length, 9)
    await eventually('the gauges agree', () => engine.server.stats().connections === 9)
    for (const { client } of [...others, ...newcomers]) client.reset()
    await engine.journal.until('all closes', () => engine.journal.closes.length === 12 || undefined)
    await eventually('nothing is left', () => engine.server.stats().connections === 0)
    t.same(
      engine.server.stats().shards.map(({ connections, queuedBytes }) => [connections, queuedBytes]),
      [
        [0, 0],
        [0, 0],
        [0, 0],
      ],
    )
    t.match(engine.server.stats(), { shardDeaths: 1, degradedShards: 0 })
  })
}

t.test('row 4: a shard that dies too often is left alone, the others go on', async (t) => {
  const { engine, orders } = await supervised(t, { shards: 2 })
  const joined = await engine.joinMany(4)
  const survivors = joined.filter(({ peer }) => peer.shard === 1)
  for (let death = 1; death <= 3; death++)
    await killAndAwaitReplacement({ engine, orders }, { shard: 0, act: 'throw' }, t)
  await orders.give({ shard: 0, act: 'throw' })
  await engine.journal.shardEvent('degraded')
  t.equal(engine.server.stats().degradedShards, 1)
  t.equal(engine.server.stats().shardDeaths, 4)
  for (const each of survivors) await echoes(each, engine, t)
  const newcomer = await engine.join()
  t.equal(newcomer.peer.shard, 1)
  await echoes(newcomer, engine, t)

  for (let death = 1; death <= 3; death++)
    await killAndAwaitReplacement({ engine, orders }, { shard: 1, act: 'exit' }, t)
  await orders.give({ shard: 1, act: 'exit' })
  await engine.journal.until('both degraded', () => engine.server.stats().degradedShards === 2 || undefined)
  const refused = await engine.open()
  t.equal(refused.response.status, 503, 'with no shard left')
  t.match(refused.response.headers.get('retry-after')?.[0], /^\d+$/)
  t.same(engine.server.stats().rejected.reasons, { NO_SHARD: 1 })
})

for (const [shard, cause] of [
  ['broken', /cannot be loaded/],
  ['silent', /did not become ready/],
] as const) {
  t.test(`row 38: a ${shard} shard: ready() and listen() tell why, and no port stays open`, async (t) => {
    const engine = new EngineUnderTest({ shards: 2, shardUrl: shardUrl(shard), shardReadyTimeoutMs: 600 })
    t.teardown(() => engine.stop())
    const listening = engine.server.listen(0, '127.0.0.1')
    await t.rejects(engine.server.ready(), { code: 'SHARD_START_FAILED', message: cause })
    await t.rejects(listening, { code: 'SHARD_START_FAILED', message: cause })
    t.equal(engine.server.address(), null)
    await engine.server.shutdown()
    t.throws(() => engine.server.attach(undefined as never), { code: 'SERVER_CLOSED' })
  })
}

t.test('row 19: a blocked shard gets no new connections, and keeps its own', async (t) => {
  // Sooner than the watchdog could notice: the shard has not answered.
  const { engine, orders } = await supervised(t, { shards: 2, stallMs: 10_000 })
  const joined = await engine.joinMany(2)
  const blocked = joined.find(({ peer }) => peer.shard === 0)
  if (blocked === undefined) throw new Error('no connection on shard 0')
  const release = await orders.hold(0)
  const beganMs = performance.now()
  // Half of them are placed there before anybody knows.
  const joining = engine.joinMany(6)
  await eventually('it is late', () => engine.server.health().shards[0]?.state === 'late')
  const newcomers = await joining
  t.comment(`all were open after ${(performance.now() - beganMs).toFixed(0)} ms`)
  t.same(new Set(newcomers.map(({ peer }) => peer.shard)), new Set([1]))
  t.ok(engine.server.stats().handoffs.replaced > 0)
  for (const each of newcomers) await echoes(each, engine, t)
  release()
  await echoes(blocked, engine, t)
  t.same(engine.journal.closes, [])
  t.equal(engine.server.stats().shardDeaths, 0)
  // What a shard writes to a client says nothing to main; its next word to main does.
  sendText(blocked.client, 'awake')
  await engine.journal.messageCount(1)
  const later = await engine.joinMany(2)
  t.same(
    later.map(({ peer }) => peer.shard),
    [0, 0],
    'awake again, it has the fewest',
  )
})

t.test('row 19: with the only shard blocked a client waits, and is answered when it wakes', async (t) => {
  const { engine, orders } = await supervised(t, { shards: 1, handshakeTimeoutMs: 8000 })
  const release = await orders.hold(0)
  const joining = engine.join({ deadlineMs: 10_000 })
  await eventually('it is asked again', () => engine.server.stats().handoffs.replaced > 0)
  release()
  const joined = await joining
  await echoes(joined, engine, t)
  t.equal(engine.server.stats().rejected.total, 0)
})

t.test('row 19: with the only shard blocked for longer, the client gets 503 in time', async (t) => {
  const { engine, orders } = await supervised(t, { shards: 1, handshakeTimeoutMs: 1300 })
  const release = await orders.hold(0)
  const beganMs = performance.now()
  const refused = await engine.open({ deadlineMs: 2500 })
  t.equal(refused.response.status, 503)
  t.comment(`503 after ${(performance.now() - beganMs).toFixed(0)} ms`)
  t.same(engine.server.stats().rejected.reasons, { HANDSHAKE_TIMEOUT: 1 })
  release()
  await eventually('the place is free, and the shard awake', () => engine.server.stats().connections === 0)
  const joined = await engine.join({ deadlineMs: 10_000 })
  await echoes(joined, engine, t)
})

t.test('row 1: a handshake while the only shard restarts waits for it', async (t) => {
  const verdict = deferred<boolean>()
  const { engine, orders } = await supervised(t, { shards: 1, verifyClient: () => verdict.promise })
  const early = engine.join()
  await orders.give({ shard: 0, act: 'throw' })
  await engine.journal.shardEvent('exited')
  const late = engine.join()
  verdict.resolve(true)
  for (const each of await Promise.all([early, late])) await echoes(each, engine, t)
  t.equal(engine.server.stats().rejected.total, 0)
})
