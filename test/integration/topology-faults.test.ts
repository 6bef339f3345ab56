/** Moves, reloads and resizes that something happens to: a shutdown, a slow connection, a shard that stands still. */
import { extname } from 'node:path'
import t, { type Test } from 'tap'
import type { WebSocketServerOptions } from '../../src/index.ts'
import { EngineUnderTest, type Joined, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { freshIce, thaw } from '../fixtures/shards/orders.ts'
import { ShardOrders, shardUrl } from '../fixtures/shards/shard-orders.ts'

const HANDLER = new URL(`../fixtures/handlers/late.handler${extname(import.meta.url)}`, import.meta.url)

/** A server whose first connections are all on shard 0, and work for the last one that is never done. */
async function withOneAtWork(t: Test, count: number, options: WebSocketServerOptions = {}) {
  const engine = await EngineUnderTest.start(t, { shards: 2, handler: HANDLER, placement: () => 0, ...options })
  const joined: Joined[] = []
  while (joined.length < count) joined.push(await engine.join())
  const busy = joined.at(-1) as Joined
  sendText(busy.client, 'after never send:nothing')
  t.equal(await nextText(busy.client), 'at work')
  return { engine, joined, busy }
}

for (const change of ['reload', 'resize', 'rebalance'] as const) {
  t.test(`a ${change} that a shutdown finds under way settles, and so does the shutdown`, async (t) => {
    const { engine, joined } = await withOneAtWork(t, 2)
    const { journal, server } = engine
    sendText((joined[0] as Joined).client, 'after never send:nothing')
    t.equal(await nextText((joined[0] as Joined).client), 'at work')
    const changing = change === 'resize' ? server.resize(3) : server[change]()
    const outcome = changing.then(
      () => 'resolved',
      (error: { code?: string }) => error.code,
    )
    const behind = t.rejects(server.rebalance(), { code: 'SERVER_CLOSED' })
    // Then it asks a shard to let go of connections, which takes a second.
    const shards = change === 'rebalance' ? 2 : 3
    const started = () => journal.shardEvents.filter(({ kind }) => kind === 'started').length
    await journal.until('the new shard', () => (started() === shards ? true : undefined))
    await server.shutdown({ deadlineMs: 50 })
    t.match(await outcome, /^(resolved|SERVER_CLOSED)$/)
    await behind
    await t.rejects(server.reload(), { code: 'SERVER_CLOSED' })
  })
}

t.test('a reload that begins with a shutdown is over with it', async (t) => {
  const { engine } = await withOneAtWork(t, 1)
  const reloading = t.rejects(engine.server.reload(), { code: 'SERVER_CLOSED' })
  await engine.server.shutdown({ deadlineMs: 0 })
  await reloading
})

t.test('a connection that needs a while does not hold up those that move with it', async (t) => {
  const { engine, joined, busy } = await withOneAtWork(t, 8)
  let isOver = false
  const moving = engine.server.rebalance().then((report) => {
    isOver = true
    return report
  })
  const moved = () => joined.filter(({ peer }) => peer.moves === 1)
  await eventually('some have moved', () => moved().length > 0)
  t.equal(busy.peer.moves, 0, 'it still works')
  t.equal(moved().length, 3, 'the others of its batch have not waited for it')
  for (const { client } of moved()) {
    sendText(client, 'after nothing')
    t.equal(await nextText(client), 'at work')
  }
  t.equal(isOver, false)
  t.match(await moving, { moved: 4, stayed: 0 })
  t.equal(busy.peer.moves, 1)
})

t.test('who moves to a shard that stands still gets what main sends meanwhile', async (t) => {
  const orders = new ShardOrders()
  t.teardown(() => orders.close())
  const options = { shards: 2, shardUrl: shardUrl('obedient'), placement: () => 0, stallMs: 300, killMs: 0 }
  const engine = await EngineUnderTest.start(t, options)
  const { server } = engine
  const joined = await engine.joinMany(2)
  for (const { id } of joined) server.join(id, 'room')
  const ice = freshIce()
  t.teardown(() => thaw(ice))
  await orders.give({ shard: 1, act: 'loop', ice })
  const moving = server.rebalance()
  await eventually('main sends to the new shard', () => joined.some(({ peer }) => peer.moves === 1))
  await eventually('it is known to stand still', () => server.stats().stalledShards === 1)
  t.equal(server.broadcast('to all'), true)
  t.equal(server.publish('room', 'to the room'), true)
  thaw(ice)
  t.match(await moving, { moved: 1 })
  for (const { client } of joined) t.same([await nextText(client), await nextText(client)], ['to all', 'to the room'])
  t.equal(server.stats().dropped.link, 0)
})

t.test('autoRebalance: shards that differ too much are evened out by themselves, so many at a time', async (t) => {
  const autoRebalance = { intervalMs: 100, ratio: 1.2, minDifference: 4, maxMoves: 2 }
  const engine = await EngineUnderTest.start(t, { shards: 2, placement: () => 0, autoRebalance })
  const { server } = engine
  const joined = await engine.joinMany(9)
  // Some may have moved before the last of them came.
  await eventually('they are even', () => server.stats().moves.moved === 4)
  t.same(
    server.stats().shards.map(({ connections }) => connections),
    [5, 4],
  )
  await eventually('two moves at each look', () => server.stats().rebalances >= 2)
  t.equal(server.stats().moves.moved, 4)
  for (const { client, id } of joined) {
    t.equal(server.send(id, 'still there'), true)
    t.equal(await nextText(client), 'still there')
  }
  t.same(engine.journal.closes, [])
})
