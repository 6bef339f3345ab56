/** What `stats()` tells of single shards, and of connections that read too slowly. */
import t, { type Test } from 'tap'
import type { ShardStats, WebSocketServer } from '../../src/index.ts'
import { OWN_CONFIGURATIONS } from '../fixtures/configurations.ts'
import { EngineUnderTest, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { freshIce, thaw } from '../fixtures/shards/orders.ts'
import { ShardOrders, shardUrl } from '../fixtures/shards/shard-orders.ts'

function figures(server: WebSocketServer, shard: number): ShardStats {
  const found = server.stats().shards.find((each) => each.shard === shard)
  if (found === undefined) throw new Error(`no shard ${shard}`)
  return found
}

const TOTALS = [
  'messagesReceived',
  'messagesSent',
  'bytesReceived',
  'bytesSent',
  'wireBytesIn',
  'wireBytesOut',
] as const

for (const { name, options } of OWN_CONFIGURATIONS) {
  t.test(`ME16 traffic, errors and drops by shard add up to those of the server: ${name}`, async (t) => {
    const engine = await EngineUnderTest.start(t, { maxPayload: 20, placement: 'round-robin', ...options })
    const { server } = engine
    const joined = await engine.joinMany(3)
    for (const [index, { client, id }] of joined.entries()) {
      sendText(client, 'x'.repeat(index + 1))
      server.send(id, 'seven77')
      await nextText(client)
    }
    await engine.journal.messageCount(3)
    sendText(joined[0]!.client, 'more than twenty bytes')
    await engine.journal.closeOf(joined[0]!.id)
    await eventually('it is counted', () => server.stats().connections === 2)
    const { shards, ...all } = server.stats()
    const sum = (read: (shard: ShardStats) => number): number => shards.reduce((total, each) => total + read(each), 0)
    for (const total of TOTALS)
      t.equal(
        sum((shard) => shard[total]),
        all[total],
        total,
      )
    t.equal(all.messagesReceived, 3)
    t.equal(all.bytesSent, 21)
    t.equal(
      sum(({ errors }) => errors.protocol),
      1,
    )
    t.equal(
      sum(({ dropped }) => Object.values(dropped).reduce((one, other) => one + other)),
      0,
    )
    t.equal(
      sum(({ deaths, moves }) => deaths + moves.in + moves.out),
      0,
    )
    if (shards.length === 3)
      t.same(
        shards.map(({ messagesReceived }) => messagesReceived),
        [1, 1, 1],
      )
    for (const shard of shards) t.equal(shard.compressionRatio, 0)
    t.ok(sum(({ perSecond }) => perSecond.messagesReceived) > 0)
  })
}

t.test('ME16 rooms, compression and moves by shard', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 2, compression: true, compressThreshold: 0 })
  const { server } = engine
  const { id, client, peer } = await engine.join({ headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } })
  const { shard } = peer
  for (const room of ['red', 'blue']) server.join(id, room)
  server.send(id, 'again and '.repeat(100))
  await client.nextMessage()
  await eventually('the rooms are counted', () => figures(server, shard).rooms === 2)
  t.equal(figures(server, 1 - shard).rooms, 0)
  await eventually('so are the bytes', () => figures(server, shard).compressionRatio > 0.8)
  t.equal(figures(server, 1 - shard).compressionRatio, 0)
  t.match(await server.resize(1), { closed: 0 })
  t.equal(server.stats().shards.length, 1)
  t.match(await server.resize(2), { closed: 0 })
  t.match(await server.reload(), { moved: 1, closed: 0 })
  const { moves } = figures(server, peer.shard)
  t.same(moves, { in: 1, out: 0 })
})

t.test('ME16 a thread that stands still is late from then on, and busy', async (t) => {
  const { engine, orders } = await obedient(t)
  const { server } = engine
  await eventually('both have told', () => server.stats().shards.every(({ loopUtilization }) => loopUtilization > 0))
  const ice = freshIce()
  await orders.give({ shard: 0, act: 'freeze', ice })
  await eventually('it is late', () => figures(server, 0).loopDelayMs >= 1000)
  t.equal(figures(server, 0).loopUtilization, 1)
  t.ok(figures(server, 1).loopDelayMs < figures(server, 0).loopDelayMs)
  thaw(ice)
  await eventually('it is so no more', () => figures(server, 0).loopDelayMs < 1000)
})

t.test('ME16 deaths by shard', async (t) => {
  const { engine, orders } = await obedient(t)
  const { server } = engine
  await orders.give({ shard: 1, act: 'exit' })
  await eventually('main has heard', () => server.stats().shardDeaths === 1)
  await eventually('it is replaced', () => server.stats().shards.length === 2)
  t.same([figures(server, 0).deaths, figures(server, 1).deaths], [0, 1])
})

async function obedient(t: Test) {
  const orders = new ShardOrders()
  t.teardown(() => orders.close())
  const options = { shards: 2, shardUrl: shardUrl('obedient'), stallMs: 60_000, killMs: 0 }
  return { orders, engine: await EngineUnderTest.start(t, options) }
}

for (const { name, options } of OWN_CONFIGURATIONS) {
  t.test(`the longest queues, the longest first: ${name}`, async (t) => {
    const engine = await EngineUnderTest.start(t, { maxBackpressure: 16 * 1024 * 1024, ...options })
    const { server } = engine
    const joined = await engine.joinMany(3)
    t.same(server.longestQueues(), [])
    const slow = joined.slice(0, 2)
    for (const [index, { client, id }] of slow.entries()) {
      client.pause()
      for (let count = 0; count < 8 * (index + 1); count++) server.send(id, Buffer.alloc(1024 * 1024))
    }
    await eventually('both are behind', () => server.longestQueues().length === 2)
    await eventually(
      'what was sent is with the shards',
      () => (server.longestQueues()[0]?.queuedBytes ?? 0) >= 8 * 1024 * 1024,
    )
    const queues = server.longestQueues()
    t.match(queues, [{ id: slow[1]!.id, ip: '127.0.0.1', path: '/', shard: slow[1]!.peer.shard }, { id: slow[0]!.id }])
    for (const { id, queuedBytes, connectedAt } of queues) {
      t.ok(queuedBytes > 0)
      t.equal(connectedAt, engine.peer(id).connectedAt)
    }
    t.same(
      server.longestQueues(1).map(({ id }) => id),
      [slow[1]!.id],
    )
    for (const wrong of [0, 1001, 1.5, '3'])
      t.throws(() => server.longestQueues(wrong as number), { code: 'ARGUMENT_INVALID' })
    for (const { client } of slow) client.destroy()
    await eventually('nobody is behind', () => server.longestQueues().length === 0)
  })
}
