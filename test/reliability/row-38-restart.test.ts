import t from 'tap'
import { EngineUnderTest, nextText } from '../fixtures/engine-under-test.ts'
import { ShardOrders, shardUrl } from '../fixtures/shards/shard-orders.ts'

t.test('row 38: a shard that only fails to start again is given up, and does not loop', async (t) => {
  const orders = new ShardOrders()
  t.teardown(() => orders.close())
  t.teardown(() => delete process.env.SHARDWS_TEST_BROKEN)
  const engine = await EngineUnderTest.start(t, { shards: 2, shardUrl: shardUrl('sometimes-broken') })
  const { journal, server } = engine
  const joined = await engine.joinMany(2)
  const survivor = joined.find(({ peer }) => peer.shard === 1)
  // Threads that start from now on inherit it.
  process.env.SHARDWS_TEST_BROKEN = 'yes'
  await orders.give({ shard: 0, act: 'exit' })
  await journal.shardEvent('degraded')
  const ends = journal.shardEvents.filter(({ kind }) => kind === 'exited')
  t.equal(ends.length, 4, 'one death and the budget of three restarts')
  t.ok(
    ends.slice(1).every(({ cause }) => /cannot be loaded again/.test(String(cause))),
    'the cause is told each time',
  )
  t.match(server.health(), { status: 'degraded', live: true, shards: [{ state: 'degraded' }, { state: 'adopting' }] })
  t.equal(server.send(survivor?.id as string, 'still here'), true)
  t.equal(await nextText(survivor?.client as never), 'still here')
  t.equal((await engine.join()).peer.shard, 1)
})
