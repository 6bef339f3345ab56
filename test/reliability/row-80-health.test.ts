import { once } from 'node:events'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { type Health, WebSocketServer, type WebSocketServerOptions } from '../../src/index.ts'
import { block } from '../fixtures/block.ts'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { RawClient } from '../fixtures/raw-client.ts'
import { ShardOrders, shardUrl } from '../fixtures/shards/shard-orders.ts'

const LAG_MS = 200
/** One more than main's timer may be early. */
const BLOCKED_MS = LAG_MS + 150
const DEATHS = 4
/** Longer than a busy machine keeps a sound shard waiting. */
const STALL_MS = 400

function states({ shards }: Health): string[] {
  return shards.map(({ state }) => state)
}

/** A busy machine lags, and a server that has just started has lagged. */
function isHealthy(server: WebSocketServer): Promise<void> {
  return eventually('healthy', () => server.health().status === 'healthy')
}

async function obedient(t: Test, options: WebSocketServerOptions) {
  const orders = new ShardOrders()
  t.teardown(() => orders.close())
  return { orders, engine: await EngineUnderTest.start(t, { shardUrl: shardUrl('obedient'), ...options }) }
}

t.test('row 80: from the start to the end', async (t) => {
  const server = new WebSocketServer({ shards: 2, execArgv: [] })
  t.match(server.health(), { status: 'unhealthy', live: true, ready: false })
  t.same(states(server.health()), ['starting', 'starting'])
  const { port } = await server.listen(0, '127.0.0.1')
  await isHealthy(server)
  t.match(server.health(), { live: true, ready: true })
  t.ok(server.health().mainLagMs < LAG_MS)
  const clients = [await RawClient.connect({ port }), await RawClient.connect({ port })]
  await eventually('both are adopted', () => server.stats().connections === 2)
  t.same(server.health().shards, [
    { index: 0, shard: 0, state: 'adopting', connections: 1 },
    { index: 1, shard: 1, state: 'adopting', connections: 1 },
  ])
  const down = server.shutdown({ deadlineMs: 500 })
  t.match(server.health(), { status: 'draining', live: true, ready: false }, 'in the same tick')
  t.same(states(server.health()), ['adopting', 'adopting'], 'the shards go on')
  for (const client of clients) client.destroy()
  await down
  t.match(server.health(), { status: 'draining', live: false, ready: false })
  t.same(states(server.health()), ['stopped', 'stopped'])
})

t.test('row 80: a shard that stands still, and the only one that does', async (t) => {
  for (const shards of [2, 1]) {
    const { engine, orders } = await obedient(t, { shards, stallMs: STALL_MS, killMs: 0 })
    const { server, journal } = engine
    await isHealthy(server)
    const release = await orders.hold(0)
    await journal.shardEvent('stalled')
    const health = server.health()
    t.same(states(health), ['stalled', 'adopting'].slice(0, shards))
    t.equal(health.status, shards === 2 ? 'degraded' : 'unhealthy')
    if (shards === 1) t.equal(health.ready, false)
    t.equal(health.live, true)
    release()
    await journal.shardEvent('resumed')
    await isHealthy(server)
    t.equal(server.health().ready, true)
  }
})

t.test('row 4 80: a shard that dies too often is degraded; when all are, only a restart helps', async (t) => {
  const { engine, orders } = await obedient(t, { shards: 2 })
  const { server, journal } = engine
  for (const shard of [0, 1]) {
    for (let death = 1; death <= DEATHS; death++) {
      const seen = journal.shardEvents.length
      await orders.give({ shard, act: 'throw' })
      const kind = death === DEATHS ? 'degraded' : 'started'
      await journal.until(kind, () => journal.shardEvents.slice(seen).find((event) => event.kind === kind))
    }
    const health = server.health()
    t.same(states(health), shard === 0 ? ['degraded', 'adopting'] : ['degraded', 'degraded'])
    t.match(
      health,
      shard === 0 ? { status: 'degraded', live: true } : { status: 'unhealthy', live: false, ready: false },
    )
  }
})

t.test('row 80: a main thread that is late is not ready, and ready again when it keeps up', async (t) => {
  const { server } = await EngineUnderTest.start(t, { shards: 1 })
  await isHealthy(server)
  block(BLOCKED_MS)
  const { mainLagMs, ...health } = server.health()
  t.ok(mainLagMs >= LAG_MS, `${mainLagMs} ms`)
  t.match(health, { status: 'degraded', live: true, ready: false })
  await new Promise((resolve) => setTimeout(resolve))
  t.equal(server.health().ready, false, 'a block that is over is remembered for a while')
  await isHealthy(server)
  t.equal(server.health().ready, true)
})

t.test('row 80: a probe is answered while the server drains', async (t) => {
  const server = new WebSocketServer({ shards: 1, execArgv: [] })
  const http = createServer((_request, response) => response.writeHead(server.health().ready ? 200 : 503).end())
  t.teardown(() => http.close())
  await once(http.listen(0, '127.0.0.1'), 'listening')
  const { port } = http.address() as AddressInfo
  await server.attach(http).ready()
  await isHealthy(server)
  const client = await RawClient.connect({ port })
  // A busy machine may lag for a moment.
  while ((await statusOf(port)) !== 200);
  const down = server.shutdown({ deadlineMs: 5000 })
  t.equal(await statusOf(port), 503)
  await client.closeFrame()
  client.destroy()
  await down
  t.equal(await statusOf(port), 503)
})

async function statusOf(port: number): Promise<number | undefined> {
  const [response] = (await once(get({ port, host: '127.0.0.1', agent: false }), 'response')) as [IncomingMessage]
  response.resume()
  return response.statusCode
}
