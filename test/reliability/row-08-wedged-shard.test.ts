import { extname } from 'node:path'
import t, { type Test } from 'tap'
import type { ShardEvent, WebSocketServerOptions } from '../../src/index.ts'
import { EngineUnderTest, type Joined, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { freshIce, type Ice, thaw } from '../fixtures/shards/orders.ts'
import { ShardOrders, shardUrl } from '../fixtures/shards/shard-orders.ts'
import { Steady } from './steady.ts'

/** A busy machine may keep a sound shard waiting for a while: that is a stall, but no death. */
const STALL_MS = 250
const KILL_MS = 900
/** Longer than a shard would be left alone. */
const PAUSE_MS = 2 * KILL_MS
/** Longer than the shard takes to be replaced. */
const NATIVE_MS = 3500

interface Wedged {
  readonly engine: EngineUnderTest
  readonly orders: ShardOrders
  readonly ice: Ice
  /** Two connections on the shard that will stand still. */
  readonly doomed: readonly Joined[]
  /** Echoes on the other one. */
  readonly steady: Steady
}

async function wedge(t: Test, options: WebSocketServerOptions): Promise<Wedged> {
  const orders = new ShardOrders()
  t.teardown(() => orders.close())
  const engine = await EngineUnderTest.start(t, { shards: 2, shardUrl: shardUrl('obedient'), ...options })
  engine.server.on('message', (id, message) => engine.server.send(id, message, false))
  const joined = await engine.joinMany(4)
  const doomed = joined.filter(({ peer }) => peer.shard === 0)
  const steady = new Steady(joined.find(({ peer }) => peer.shard === 1) as Joined)
  const ice = freshIce()
  t.teardown(() => thaw(ice))
  return { engine, orders, ice, doomed, steady }
}

function eventOf({ journal }: EngineUnderTest, kind: ShardEvent['kind'], shard = 0): Promise<ShardEvent> {
  return journal.until(`${kind} of shard ${shard}`, () =>
    journal.shardEvents.findLast((event) => event.kind === kind && event.shard === shard),
  )
}

async function assertEchoes(t: Test, { client, id }: Joined): Promise<void> {
  sendText(client, id)
  t.equal(await nextText(client), id)
}

for (const act of ['loop', 'freeze'] as const) {
  t.test(`row 8: a shard that stands still (${act}) gets no connections until it runs again`, async (t) => {
    const { engine, orders, ice, doomed, steady } = await wedge(t, { stallMs: STALL_MS, killMs: 0 })
    await orders.give({ shard: 0, act, ice })
    await eventOf(engine, 'stalled')
    t.match(engine.server.health().shards[0], { state: 'stalled', connections: 2 })
    const { stalledShards, limits, shardDeaths } = engine.server.stats()
    t.ok(stalledShards >= 1 && (limits.stallMs ?? 0) >= 1, 'it is counted')
    t.equal(shardDeaths, 0)
    const newcomers = await engine.joinMany(4)
    t.same(new Set(newcomers.map(({ peer }) => peer.shard)), new Set([1]), 'though the other has more')
    t.equal(engine.server.stats().handoffs.replaced, 0, 'and nobody was placed there first')
    for (const each of newcomers) await assertEchoes(t, each)
    sendText((doomed[0] as Joined).client, 'patience')

    thaw(ice)
    await eventOf(engine, 'resumed')
    t.equal(await nextText((doomed[0] as Joined).client), 'patience')
    t.equal(engine.server.stats().shardDeaths, 0)
    const later = await engine.joinMany(2)
    t.same(
      later.map(({ peer }) => peer.shard),
      [0, 0],
      'it has the fewest',
    )
    await steady.stop()
    t.ok(steady.echoed > 0)
    t.same(engine.journal.closes, [])
  })
}

for (const act of ['loop', 'freeze', 'native'] as const) {
  t.test(`row 8: a shard that stands still for too long (${act}) is replaced at once`, async (t) => {
    const { engine, orders, ice, doomed, steady } = await wedge(t, { stallMs: STALL_MS, killMs: KILL_MS })
    await orders.give({ shard: 0, act, ice, ms: NATIVE_MS })
    await eventOf(engine, 'stalled')
    const { cause } = await eventOf(engine, 'exited')
    t.match(cause, { code: 'SHARD_STALLED' })
    const isNative = act === 'native'
    if (isNative) t.equal(engine.server.stats().zombies, 1, 'nothing can end it, and nobody waits for it')
    for (const { id } of doomed) t.match(await engine.journal.closeOf(id), { code: 1006 })
    const started = (): number => engine.journal.shardEvents.filter(({ kind }) => kind === 'started').length
    await engine.journal.until('the replacement', () => started() === 3 || undefined)
    if (isNative) t.equal(engine.server.stats().zombies, 1, 'its replacement did not wait either')
    const newcomers = await engine.joinMany(2)
    t.same(
      newcomers.map(({ peer }) => peer.shard),
      [0, 0],
    )
    for (const each of newcomers) await assertEchoes(t, each)
    for (const { client } of doomed) t.match(await client.waitClosed(), { closeFrameSeen: false })
    await eventually('its thread is gone', () => engine.server.stats().zombies === 0)
    t.match(engine.server.stats(), { shardDeaths: 1, limits: { killMs: 1 } })
    await steady.stop()
    t.ok(steady.echoed > 0)
    t.same(engine.journal.closes.map(({ id }) => id).sort(), doomed.map(({ id }) => id).sort(), 'nobody else')
    await eventually('the gauges agree', () => engine.server.stats().connections === 4)
  })
}

t.test('row 8: with its only shard standing still a server lets clients wait for the replacement', async (t) => {
  const orders = new ShardOrders()
  t.teardown(() => orders.close())
  const options = { shards: 1, stallMs: STALL_MS, killMs: KILL_MS, shardUrl: shardUrl('obedient') }
  const engine = await EngineUnderTest.start(t, options)
  await orders.give({ shard: 0, act: 'block', ms: Number.POSITIVE_INFINITY })
  await eventOf(engine, 'stalled')
  const { peer } = await engine.join()
  t.equal(peer.shard, 0)
  t.match(engine.server.stats(), { shardDeaths: 1, rejected: { total: 0 } })
})

t.test('row 8: a hostile regular expression in a handler costs its shard, and nobody else', async (t) => {
  const handler = new URL(`../fixtures/handlers/hostile-regex${extname(import.meta.url)}`, import.meta.url)
  const engine = await EngineUnderTest.start(t, { shards: 2, stallMs: STALL_MS, killMs: KILL_MS, handler })
  const joined = await engine.joinMany(2)
  const [attacker, other] = [0, 1].map((index) => joined.find(({ peer }) => peer.shard === index) as Joined)
  const ask = async ({ client }: Joined, name: string): Promise<string> => {
    sendText(client, name)
    return nextText(client)
  }
  t.equal(await ask(attacker as Joined, 'aaa!'), 'false')
  sendText((attacker as Joined).client, `${'a'.repeat(60)}!`)
  await eventOf(engine, 'stalled')
  t.equal(await ask(other as Joined, 'aaa'), 'true')
  t.match((await eventOf(engine, 'exited')).cause, { code: 'SHARD_STALLED' })
  t.match(await attacker?.client.waitClosed(), { closeFrameSeen: false })
  t.equal(await ask(other as Joined, 'aaa'), 'true')
  const newcomer = await engine.join()
  t.equal(await ask(newcomer, 'aaa!'), 'false')
})

t.test('row 8: main standing still is not held against a shard', async (t) => {
  const { engine, doomed, steady } = await wedge(t, { stallMs: STALL_MS, killMs: KILL_MS })
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS)
  for (const each of doomed) await assertEchoes(t, each)
  await steady.stop()
  t.equal(engine.server.stats().shardDeaths, 0)
  t.equal(engine.server.stats().limits.stallMs, undefined, 'nor noted')
})
