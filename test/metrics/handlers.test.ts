import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import fastify from 'fastify'
import { Counter, Registry } from 'prom-client'
import t, { type Test } from 'tap'
import { type HttpHandler, healthHandler, metricsHandler } from '../../src/metrics/handlers.ts'
import { TWO_CONFIGURATIONS } from '../fixtures/configurations.ts'
import { EngineUnderTest, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'

async function listening(t: Test, server: Server): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const serve = (t: Test, handler: HttpHandler): Promise<string> => listening(t, createServer(handler))

async function scrape(url: string): Promise<string> {
  const response = await fetch(url)
  const text = await response.text()
  if (response.status !== 200) throw new Error(`${response.status} ${text}`)
  return text
}

/** The value of one series, or undefined if there is none. */
function figure(text: string, series: string): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

/** The series without their values: how many there are is what a scrape costs. */
function seriesOf(text: string): string[] {
  return text.split('\n').map((line) => (line.startsWith('#') ? line : line.replace(/ \S+$/, '')))
}

for (const { name, options } of TWO_CONFIGURATIONS) {
  t.test(`ME22: the four names, with HELP and TYPE, and what only shardws has: ${name}`, async (t) => {
    const engine = await EngineUnderTest.start(t, { maxPayload: 10, ...options })
    const url = await serve(t, metricsHandler(engine.server))
    const { client, id } = await engine.join()
    engine.server.join(id, 'lobby')
    for (const text of ['one', 'two']) sendText(client, text)
    await engine.journal.messageCount(2)
    engine.server.send(id, 'seven77')
    await nextText(client)
    await eventually('it is counted', () => engine.server.stats().messagesSent === 1)
    const text = await scrape(url)
    for (const [series, type, value] of [
      ['websocket_connections_active', 'gauge', 1],
      ['websocket_rooms_total', 'gauge', 1],
      ['websocket_messages_sent_total', 'counter', 1],
      ['websocket_messages_received_total', 'counter', 2],
      ['shardws_memberships', 'gauge', 1],
      ['shardws_received_bytes_total', 'counter', 6],
      ['shardws_sent_bytes_total', 'counter', 7],
      ['shardws_wire_received_bytes_total', 'counter', engine.server.stats().wireBytesIn],
    ] as const) {
      t.match(text, new RegExp(`^# HELP ${series} \\S.+\n# TYPE ${series} ${type}\n${series} ${value}$`, 'm'))
    }
    const { shard } = engine.peer(id)
    t.equal(figure(text, `shardws_shard_connections{shard="${shard}"}`), 1)
    t.equal(figure(text, `shardws_shard_messages_received_total{shard="${shard}"}`), 2)
    t.equal(figure(text, 'shardws_failures_total{reason="MESSAGE_TOO_BIG"}'), 0, 'there before it happens')
    t.equal(figure(text, 'shardws_rejected_total{reason="UPGRADE_REQUIRED"}'), 0)
    sendText(client, 'eleven bytes')
    await engine.journal.closeOf(id)
    await engine.statusOf({ headers: { 'Sec-WebSocket-Version': '7' } })
    await eventually('nobody is left', () => engine.server.stats().connections === 0)
    const later = await scrape(url)
    t.equal(figure(later, 'shardws_failures_total{reason="MESSAGE_TOO_BIG"}'), 1)
    t.equal(figure(later, 'shardws_limit_reached_total{option="maxPayload"}'), 1)
    t.equal(figure(later, 'shardws_errors_total{kind="protocol"}'), 1)
    t.equal(figure(later, 'shardws_rejected_total{reason="UPGRADE_REQUIRED"}'), 1)
    t.equal(figure(later, 'websocket_connections_active'), 0)
  })
}

t.test('every figure is as stats() and health() have it', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 0 })
  const stats = {
    ...engine.server.stats(),
    uptime: 1500,
    evacuations: 2,
    shardDeaths: 3,
    acceptorDeaths: 21,
    zombies: 4,
    memory: {
      rssBytes: 18,
      limitBytes: 72,
      pressure: 0.25,
      steps: { contexts: 19, handshakes: 20, queues: 0, accepting: 0 },
    },
    moves: { moved: 5, stayed: 6 },
    rebalances: 8,
    dropped: { slowConsumer: 7, backpressure: 8, link: 9, controls: 10, rateLimit: 11, invalid: 12 },
    timeouts: { liveness: 13, idle: 14, close: 15, lifetime: 16 },
    rejected: { total: 17, reasons: { NOT_UPGRADED: 17 } },
  }
  const figures = { heapBytes: 4, externalBytes: 5, memoryPressure: 0.5, loopUtilization: 0.25, loopDelayMs: 1500 }
  const [shard] = stats.shards
  stats.shards = [{ ...shard!, shard: 3, connections: 1, queuedBytes: 2, ...figures }]
  const health = { ...engine.server.health(), mainLagMs: 250, ready: false, live: true }
  const url = await serve(t, metricsHandler({ stats: () => stats, health: () => health }))
  const text = await scrape(url)
  for (const [series, value] of [
    ['shardws_uptime_seconds', 1.5],
    ['shardws_main_lag_seconds', 0.25],
    ['shardws_ready', 0],
    ['shardws_live', 1],
    ['shardws_evacuations_total', 2],
    ['shardws_shard_deaths_total', 3],
    ['shardws_acceptor_deaths_total', 21],
    ['shardws_zombie_threads', 4],
    ['shardws_memory_bytes', 18],
    ['shardws_memory_pressure_ratio', 0.25],
    ['shardws_memory_steps_total{step="contexts"}', 19],
    ['shardws_memory_steps_total{step="handshakes"}', 20],
    ['shardws_rebalances_total', 8],
    ['shardws_moves_total{outcome="moved"}', 5],
    ['shardws_moves_total{outcome="stayed"}', 6],
    ['shardws_dropped_total{reason="slowConsumer"}', 7],
    ['shardws_dropped_total{reason="invalid"}', 12],
    ['shardws_timeouts_total{deadline="liveness"}', 13],
    ['shardws_timeouts_total{deadline="lifetime"}', 16],
    ['shardws_rejected_total{reason="NOT_UPGRADED"}', 17],
    ['shardws_shard_queued_bytes{shard="3"}', 2],
    ['shardws_shard_heap_bytes{shard="3"}', 4],
    ['shardws_shard_external_bytes{shard="3"}', 5],
    ['shardws_shard_memory_pressure_ratio{shard="3"}', 0.5],
    ['shardws_shard_loop_utilization_ratio{shard="3"}', 0.25],
    ['shardws_shard_loop_delay_seconds{shard="3"}', 1.5],
    ['shardws_shards{state="adopting"}', 1],
    ['shardws_shards{state="stalled"}', 0],
  ] as const) {
    t.equal(figure(text, series), value, series)
  }
})

t.test('row 79: a scrape with 1000 rooms has the series of one with none', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 1, maxRoomsPerConnection: 1000 })
  const url = await serve(t, metricsHandler(engine.server))
  const { id } = await engine.join()
  const before = await scrape(url)
  for (let room = 0; room < 1000; room++) engine.server.join(id, `hostile-${room}`)
  const after = await scrape(url)
  t.equal(figure(after, 'websocket_rooms_total'), 1000)
  t.same(seriesOf(after), seriesOf(before))
  t.notMatch(after, 'hostile')
})

t.test('several servers: by handlers of their own, and by name in one', async (t) => {
  const [chat, game] = [await EngineUnderTest.start(t, { shards: 1 }), await EngineUnderTest.start(t, { shards: 0 })]
  await chat.join()
  await eventually('it is counted', () => chat.server.stats().connections === 1)
  const own = [await serve(t, metricsHandler(chat.server)), await serve(t, metricsHandler(game.server))]
  const texts = await Promise.all(own.map(scrape))
  t.same(
    texts.map((text) => figure(text, 'websocket_connections_active')),
    [1, 0],
  )
  const both = await scrape(await serve(t, metricsHandler({ chat: chat.server, game: game.server })))
  t.equal(figure(both, 'websocket_connections_active{server="chat"}'), 1)
  t.equal(figure(both, 'websocket_connections_active{server="game"}'), 0)
  t.equal(figure(both, 'shardws_shard_connections{server="chat",shard="0"}'), 1)
  const types = both.split('\n').filter((line) => line.startsWith('# TYPE'))
  t.equal(new Set(types).size, types.length, 'each name is declared once')
})

t.test('registries of the application follow; one that fails is a 500', async (t) => {
  const { server } = await EngineUnderTest.start(t, { shards: 0 })
  const registry = new Registry()
  new Counter({ name: 'orders_total', help: 'Orders', registers: [registry] }).inc(7)
  const failing = { metrics: () => Promise.reject(new Error('no database')) }
  const url = await serve(t, metricsHandler(server, { registries: [registry] }))
  const text = await scrape(url)
  t.equal(figure(text, 'orders_total'), 7)
  t.equal(figure(text, 'websocket_connections_active'), 0)
  const broken = await fetch(await serve(t, metricsHandler(server, { registries: [failing] })))
  t.equal(broken.status, 500)
  t.match(await broken.text(), 'no database')
})

t.test('who was answered meanwhile is not answered again', async (t) => {
  const { server } = await EngineUnderTest.start(t, { shards: 0 })
  const handler = metricsHandler(server)
  const url = await serve(t, (request, response) => {
    handler(request, response)
    response.writeHead(504).end('too late')
  })
  const response = await fetch(url)
  t.equal(response.status, 504)
  t.equal(await response.text(), 'too late')
  t.equal((await fetch(url)).status, 504, 'and the process goes on')
})

t.test('ME21: 200 when ready and 503 otherwise, with the fields of the document', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 1 })
  const { server } = engine
  const url = await serve(t, healthHandler(server))
  const live = await serve(t, healthHandler(server, { probe: 'live' }))
  const { client, id } = await engine.join()
  server.join(id, 'lobby')
  await eventually('it is counted', () => server.stats().connections === 1)
  await eventually('healthy', () => server.health().status === 'healthy')
  // A busy machine lags between two looks, and says so.
  let response = await fetch(url)
  while (response.status === 503) response = await fetch(url)
  t.equal(response.headers.get('content-type'), 'application/json')
  t.equal(response.headers.get('cache-control'), 'no-store')
  const { websocket, ...health } = JSON.parse(await response.text())
  t.match(health, { status: /^(healthy|degraded)$/, live: true, ready: true, mainLagMs: Number })
  t.match(health.shards, [{ index: 0, connections: 1 }])
  t.match(websocket, { activeConnections: 1, totalRooms: 1, memoryUsage: { rss: Number, heapUsed: Number } })
  t.ok(websocket.uptime > 0 && websocket.uptime < process.uptime(), 'seconds')

  // Draining is set in the tick of the call. The grace ends with the last connection.
  const down = server.shutdown({ graceMs: 60_000, deadlineMs: 60_000 })
  const statuses = async () => Promise.all([url, live, `${url}/?live`].map(async (each) => (await fetch(each)).status))
  t.same(await statuses(), [503, 200, 200], 'while it drains nobody should restart it')
  t.match(await (await fetch(url)).json(), { status: 'draining' })
  client.destroy()
  await down
  t.same(await statuses(), [503, 503, 503])
})

t.test('in Express and Fastify', async (t) => {
  const { server } = await EngineUnderTest.start(t, { shards: 0 })
  const [metrics, health] = [metricsHandler(server), healthHandler(server, { probe: 'live' })]
  const app = express()
  app.get('/metrics', metrics)
  app.use('/health', health)
  const ofExpress = await listening(t, createServer(app))
  const other = fastify()
  const hand = (handler: (request: IncomingMessage, response: ServerResponse) => void) => {
    other.get(handler === metrics ? '/metrics' : '/health', (request, reply) => {
      reply.hijack()
      handler(request.raw, reply.raw)
    })
  }
  hand(metrics)
  hand(health)
  t.teardown(() => other.close())
  const ofFastify = await other.listen({ port: 0, host: '127.0.0.1' })
  for (const base of [ofExpress, ofFastify]) {
    const response = await fetch(`${base}/metrics`)
    t.match(response.headers.get('content-type'), 'text/plain; version=0.0.4')
    t.equal(figure(await response.text(), 'websocket_connections_active'), 0)
    t.match(await (await fetch(`${base}/health`)).json(), { live: true })
  }
})

t.test('mistakes are named', async (t) => {
  const { server } = await EngineUnderTest.start(t, { shards: 0 })
  for (const wrong of [undefined, null, {}, { chat: 1 }, { '': server }, [], 'server']) {
    t.throws(() => metricsHandler(wrong as never), { code: 'ARGUMENT_INVALID', message: /^servers must be/ })
  }
  t.throws(() => healthHandler({} as never), { code: 'ARGUMENT_INVALID', message: /^server must be/ })
  t.throws(() => healthHandler(server, { probe: 'alive' as never }), {
    code: 'OPTION_INVALID',
    message: /options\.probe/,
  })
  t.throws(() => metricsHandler(server, { registry: [] } as never), {
    code: 'OPTION_UNKNOWN',
    message: /options\.registries/,
  })
  t.throws(() => metricsHandler(server, { registries: [{}] as never }), { code: 'OPTION_INVALID' })
})
