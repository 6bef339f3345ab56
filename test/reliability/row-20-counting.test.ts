import t from 'tap'
import { EngineUnderTest, type Joined } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { ShardOrders, shardUrl } from '../fixtures/shards/shard-orders.ts'

const PLACES = 8
const SHARDS = 2
const ROUNDS = 4

t.test('row 20 47: however connections end, their places are free again, each once', async (t) => {
  const orders = new ShardOrders()
  t.teardown(() => orders.close())
  const options = { shards: SHARDS, maxConnections: PLACES, shardUrl: shardUrl('obedient') }
  const engine = await EngineUnderTest.start(t, options)
  const { server, journal } = engine
  let lowest = 0
  const watching = setInterval(() => {
    const { connections, queuedBytes, shards } = server.stats()
    lowest = Math.min(lowest, connections, queuedBytes, ...shards.map((shard) => shard.connections))
  }, 1)
  t.teardown(() => clearInterval(watching))

  const leave = [
    async ({ client }: Joined) => client.destroy(),
    async ({ client }: Joined) => client.reset(),
    async ({ peer }: Joined) => peer.terminate(),
    async ({ client, peer }: Joined) => {
      peer.close()
      await client.closeFrame()
      client.destroy()
    },
  ]
  let opened = 0
  for (let round = 0; round < ROUNDS; round++) {
    const joined = await engine.joinMany(PLACES)
    opened += PLACES
    t.equal(await engine.statusOf(), 503, 'not one more')
    if (round % 2 === 0) {
      const started = journal.shardEvents.length
      await orders.give({ shard: 0, act: round === 0 ? 'exit' : 'throw' })
      await journal.until('its replacement', () =>
        journal.shardEvents.slice(started).find(({ kind }) => kind === 'started'),
      )
    }
    const left = joined.filter(({ id }) => journal.closesOf(id).length === 0)
    t.equal(left.length, round % 2 === 0 ? PLACES / SHARDS : PLACES)
    await Promise.all(left.map((each, index) => leave[index % leave.length]?.(each)))
    await journal.until('all closes', () => journal.closes.length === opened || undefined)
    await eventually('the gauges', () => server.stats().connections === 0)
  }
  t.equal(new Set(journal.closes.map(({ id }) => id)).size, opened, 'one close each')
  const { totalConnections, rejected, handoffs } = server.stats()
  t.equal(totalConnections, opened)
  t.same(rejected, { total: ROUNDS, reasons: { OVER_CAPACITY: ROUNDS } })
  t.equal(handoffs.adopted, opened, 'totals outlive their shard')
  t.equal(lowest, 0, 'no gauge was ever below 0')
})
