import t from 'tap'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import type { RawClient } from '../fixtures/raw-client.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'
import { ShardOrders, shardUrl } from '../fixtures/shards/shard-orders.ts'

/** Longer than the engine waits for a shard and for its thread. */
const NATIVE_MS = 6000

/** If it comes: that of the stuck shard does not. */
async function answerClose(client: RawClient): Promise<void> {
  const frame = await client.closeFrame().catch(() => null)
  if (frame !== null) client.sendFrame({ opcode: RawOpcode.Close, payload: frame.payload })
}

t.test('row 16: a thread that nothing can interrupt does not hold up the report, which tells of it', async (t) => {
  const orders = new ShardOrders()
  t.teardown(() => orders.close())
  const engine = await EngineUnderTest.start(t, { shards: 2, shardUrl: shardUrl('obedient') })
  const joined = await engine.joinMany(2)
  for (const { client } of joined) void answerClose(client)
  await orders.give({ shard: 0, act: 'native', ms: NATIVE_MS })
  const beganMs = performance.now()
  const report = await engine.server.shutdown({ deadlineMs: 100 })
  t.match(report, { connections: 2, closed: 1, terminated: 1, zombies: 1 })
  t.equal(engine.server.stats().zombies, 1, 'it is still there')
  t.same(engine.journal.closes.map(({ code }) => code).sort(), [1001, 1006])
  t.comment(`reported after ${(performance.now() - beganMs).toFixed(0)} ms of ${NATIVE_MS}`)
  await eventually('it is gone', () => engine.server.stats().zombies === 0)
})
