/** Connections under steady traffic while shards are replaced, added, removed and evened out: nothing is lost, twice or out of order. */
import t from 'tap'
import type { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { onEachStrategy, startMoving, Traffic } from '../fixtures/moves/traffic.ts'

const CLIENTS = 12

/** By shard, those that run. */
function spread(engine: EngineUnderTest): number[] {
  return engine.server.stats().shards.map(({ connections }) => connections)
}

for (const place of ['main', 'shards'] as const) {
  t.test(`handler on ${place}: reload, resize and rebalance under traffic`, (t) =>
    onEachStrategy(t, async (t, handoff) => {
      const engine = await startMoving(t, { handoff, place })
      const { server } = engine
      const traffic = await Traffic.start(engine, { clients: CLIENTS })
      t.match(await server.reload(), { moved: CLIENTS, closed: 0 })
      t.match(await server.resize(4), { closed: 0, stayed: 0 })
      t.same(spread(engine), [3, 3, 3, 3])
      t.match(await server.resize(1), { moved: 9, closed: 0 })
      t.same(spread(engine), [CLIENTS])
      t.match(await server.resize(2), { moved: 6, closed: 0 })
      t.match(await server.rebalance(), { moved: 0, closed: 0 })
      t.same(spread(engine), [6, 6])
      t.same(await traffic.stop(), [])
      t.same(engine.journal.closes, [])
      const said = traffic.clients.reduce((sum, { said }) => sum + said, 0)
      const stats = server.stats()
      t.match(stats, { connections: CLIENTS, messagesReceived: said, shardDeaths: 0 })
      t.match(stats, { errors: { handler: 0 }, dropped: { link: 0, backpressure: 0, slowConsumer: 0 } })
      for (const client of traffic.clients) client.end()
      await eventually('all have gone', () => server.getConnections().length === 0)
      await eventually('nothing is left', () => server.stats().memberships === 0)
      t.match(server.stats(), { queuedBytes: 0, rooms: 0, memberships: 0 })
      t.same(spread(engine), [0, 0])
    }),
  )
}
