/** Connections under steady traffic while shards are replaced, added, removed and evened out: nothing is lost, twice or out of order. */
import { extname } from 'node:path'
import t, { type Test } from 'tap'
import type { WebSocketServerOptions } from '../../src/index.ts'
import { supports } from '../../src/shared/handoff/probe.ts'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { EchoClient, Steadily } from '../fixtures/moves/echo-client.ts'

const HANDLER = new URL(`../fixtures/handlers/moving.handler${extname(import.meta.url)}`, import.meta.url)
const STRATEGIES = ['transfer', 'descriptor', 'relay'] as const
const CLIENTS = 12
const EVERY_MS = 4

/** A server that echoes, on main or in its shards. */
async function start(t: Test, options: WebSocketServerOptions): Promise<EngineUnderTest> {
  const engine = await EngineUnderTest.start(t, { shards: 2, ...options })
  engine.journal.forgetMessages()
  if (options.handler === undefined) {
    engine.server.on('message', (id, message, isBinary) => {
      if (!engine.server.send(id, message, isBinary)) t.fail('an echo was refused')
    })
  }
  return engine
}

function connect(
  engine: EngineUnderTest,
  count: number,
  padding = '',
  perMessageDeflate = false,
): Promise<EchoClient[]> {
  const url = `ws://127.0.0.1:${engine.port}`
  return Promise.all(Array.from({ length: count }, () => EchoClient.open(url, { perMessageDeflate }, padding)))
}

/** By shard, those that run. */
function spread(engine: EngineUnderTest): number[] {
  return engine.server.stats().shards.map(({ connections }) => connections)
}

for (const handoff of STRATEGIES) {
  for (const place of ['main', 'shards'] as const) {
    const skip = !(await supports(handoff)) && 'not on this Node'
    t.test(`${handoff}, handler on ${place}: reload, resize and rebalance under traffic`, { skip }, async (t) => {
      const engine = await start(t, { handoff, ...(place === 'shards' && { handler: HANDLER }) })
      const { server } = engine
      const clients = await connect(engine, CLIENTS)
      const steadily = new Steadily(clients, EVERY_MS)
      t.match(await server.reload(), { moved: CLIENTS, closed: 0 })
      t.match(await server.resize(4), { closed: 0, stayed: 0 })
      t.same(spread(engine), [3, 3, 3, 3])
      t.match(await server.reload(), { moved: CLIENTS, closed: 0 })
      t.match(await server.resize(1), { moved: 9, closed: 0 })
      t.same(spread(engine), [CLIENTS])
      t.match(await server.resize(3), { moved: 8, closed: 0 })
      t.match(await server.rebalance(), { moved: 0, closed: 0 })
      t.same(spread(engine), [4, 4, 4])
      t.same(await steadily.stop(), [])
      t.ok(clients.every(({ sent }) => sent > 10))
      t.same(engine.journal.closes, [])
      const messages = clients.reduce((sum, { sent }) => sum + sent, 0)
      const stats = server.stats()
      t.match(stats, { connections: CLIENTS, messagesReceived: messages, messagesSent: messages, shardDeaths: 0 })
      t.match(stats, { errors: { handler: 0 }, dropped: { link: 0, backpressure: 0, slowConsumer: 0 } })
      for (const client of clients) client.end()
      await eventually('all have gone', () => server.getConnections().length === 0)
      t.match(server.stats(), { queuedBytes: 0, rooms: 0, memberships: 0 })
      t.same(spread(engine), [0, 0, 0])
    })
  }
}
