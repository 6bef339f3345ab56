/** Shards die while connections move: it costs those who were on them, and nobody else. */
import t from 'tap'
import type { WebSocketServer } from '../../src/index.ts'
import type { Fall } from '../fixtures/handlers/moving.handler.ts'
import { eventually } from '../fixtures/journal.ts'
import { judge, successor } from '../fixtures/moves/aftermath.ts'
import { onEachStrategy, startMoving, Traffic } from '../fixtures/moves/traffic.ts'
import { ShardOrders, shardUrl } from '../fixtures/shards/shard-orders.ts'

const CLIENTS = 8

/** The first shard whose handler comes so far ends, and no other. */
function fallOnce(server: WebSocketServer, fall: Fall): void {
  server.state.set('fall', fall)
  server.on('shard', ({ kind }) => {
    if (kind === 'exited') server.state.delete('fall')
  })
}

for (const [hook, who] of [
  ['detach', 'the shard that they leave'],
  ['attach', 'the shard that they come to'],
] as const) {
  t.test(`${who} dies in the middle of a move: those who were on it are lost, nobody else`, (t) =>
    onEachStrategy(t, async (t, handoff) => {
      const engine = await startMoving(t, { handoff })
      const { server, journal } = engine
      const traffic = await Traffic.start(engine, { clients: CLIENTS, isSpoken: false })
      // Its shard is the first to be replaced.
      const others = traffic.travellers.filter(({ peer }) => peer.shard !== 0)
      t.equal(others.length, CLIENTS / 2)
      fallOnce(server, { hook, after: 2 })
      await server.reload()
      t.equal(server.stats().shardDeaths, 1)
      t.same(
        others.flatMap(({ client }) => client.closed ?? []),
        [],
      )
      t.ok(journal.closes.length > 0)
      t.ok(journal.closes.every(({ code }) => code === 1006))
      await judge(t, engine, traffic)
    }),
  )
}

t.test('a shard dies while others give connections away: only those who were on it are lost', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const orders = new ShardOrders()
    t.teardown(() => orders.close())
    const engine = await startMoving(t, { handoff, shards: 3, shardUrl: shardUrl('obedient') })
    const { server, journal } = engine
    const traffic = await Traffic.start(engine, { clients: CLIENTS, isSpoken: false })
    const doomed = traffic.travellers.filter(({ peer }) => peer.shard === 2).map(({ id }) => id)
    const started = successor(engine)
    const resized = server.resize(4)
    await started
    await orders.give({ shard: 2, act: 'exit' })
    await resized
    await journal.shardEvent('exited')
    await eventually('its successor', () => server.health().shards.every(({ state }) => state === 'adopting'))
    t.ok(journal.closes.every(({ id, code }) => code === 1006 && doomed.includes(id)))
    await judge(t, engine, traffic)
  }),
)

t.test(
  'the shard that they leave stands still for good in the middle of a move: the move ends all the same',
  async (t) => {
    const engine = await startMoving(t, { handoff: 'relay', stallMs: 500, killMs: 1000 })
    const { server } = engine
    const traffic = await Traffic.start(engine, { clients: 12, isSpoken: false })
    fallOnce(server, { hook: 'detach', after: 1, stuckMs: 5000 })
    await server.resize(3)
    t.match(server.stats(), { shardDeaths: 1, zombies: 1 }, 'its thread is there, and was not waited for')
    await judge(t, engine, traffic)
  },
)

t.test(
  'the shard that they leave dies and is replaced while the one that they come to hears nothing: the move ends',
  async (t) => {
    const engine = await startMoving(t, { handoff: 'relay', shards: 2 })
    const { journal, server } = engine
    const traffic = await Traffic.start(engine, { clients: 12, isSpoken: false })
    fallOnce(server, { hook: 'detach', after: 1, lingerMs: 1000 })
    await server.resize(3)
    await journal.shardEvent('exited')
    await eventually('its successor', () => server.health().shards.every(({ state }) => state === 'adopting'))
    await judge(t, engine, traffic)
  },
)
