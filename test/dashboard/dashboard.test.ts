/** The handler: its page, its stream of samples and its actions. */

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type HttpBindings, serve as serveHono } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import t, { type Test } from 'tap'
import {
  type DashboardOptions,
  dashboardHandler,
  type HttpHandler,
  type WatchedServer,
} from '../../src/dashboard/dashboard.ts'
import { DashboardClient } from '../fixtures/dashboard-client.ts'
import { EngineUnderTest, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { RecordingLogger } from '../fixtures/recording-logger.ts'

const SAMPLE_MS = 100

async function serve(t: Test, options: DashboardOptions = {}, shards = 0) {
  const engine = await EngineUnderTest.start(t, { shards })
  const logger = new RecordingLogger()
  let looks = 0
  const watched: WatchedServer = {
    rooms: engine.server.rooms,
    stats: () => {
      looks++
      return engine.server.stats()
    },
    health: () => engine.server.health(),
    longestQueues: (top) => engine.server.longestQueues(top),
    reload: () => engine.server.reload(),
    resize: (count) => engine.server.resize(count),
    shutdown: (plan) => engine.server.shutdown(plan),
  }
  const handler = dashboardHandler(watched, { logger, sampleMs: SAMPLE_MS, ...options })
  const client = await DashboardClient.serve(t, handler)
  return { engine, server: engine.server, client, logger, looks: () => looks }
}

t.test('the page is one document that lets nothing else in', async (t) => {
  const { client } = await serve(t)
  const { status, headers, body } = await client.ask({ path: '/any/path?token=7' })
  t.equal(status, 200)
  t.equal(headers['content-type'], 'text/html; charset=utf-8')
  t.equal(headers['cache-control'], 'no-store')
  t.match(headers, { 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY', 'referrer-policy': 'no-referrer' })
  const policy = String(headers['content-security-policy'])
  for (const part of [
    "default-src 'none'",
    "connect-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ])
    t.ok(policy.includes(part), part)
  t.notMatch(policy, 'unsafe')
  for (const [name, tag] of [
    ['script-src', 'script'],
    ['style-src', 'style'],
  ]) {
    const [, content = ''] = new RegExp(`<${tag}>([\\s\\S]*)</${tag}>`).exec(body) ?? []
    t.ok(content.length > 1000, `the content of ${tag}`)
    const hash = createHash('sha256').update(content).digest('base64')
    t.ok(policy.includes(`${name} 'sha256-${hash}';`), `the hash of ${tag}`)
  }
  t.notMatch(body, /(?:src|href)="(?!data:)/, 'no external asset')
  t.notMatch(body, /(?:^|[^.\w])https?:\/\/(?!www\.w3\.org\/2000\/svg)/)
  t.notMatch(body, '<button type="button" data-action', 'no button')
  const head = await client.ask({ method: 'HEAD' })
  t.match(head, { status: 200, body: '', headers: { 'content-length': headers['content-length'] } })
  for (const method of ['PUT', 'DELETE', 'OPTIONS'])
    t.match(await client.ask({ method }), { status: 405, headers: { allow: 'GET, HEAD, POST' } })
})

t.test('a title is text', async (t) => {
  const { client } = await serve(t, { title: `</title><script>alert("1")</script>'&` })
  const { body } = await client.ask()
  t.notMatch(body, '<script>alert')
  t.match(body, '<title>&#60;/title&#62;&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62;&#39;&#38;</title>')
})

t.test('who looks sees how things are, second by second', async (t) => {
  const { client, engine, server } = await serve(t, {}, 2)
  const { client: talker, id } = await engine.join()
  server.join(id, '<b>red</b>')
  const events = await client.look()
  t.match(events.response.headers, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
  })
  const { sampleMs, points, latest } = await events.next('begin')
  t.equal(sampleMs, SAMPLE_MS)
  t.equal(points.length, 1)
  t.equal(latest.point.rates, null, 'there is nothing to compare with yet')
  sendText(talker, 'hello')
  server.send(id, 'hello you')
  await nextText(talker)
  await engine.journal.messageCount(1)
  let heard = await events.next('sample')
  let [received, sent] = [0, 0]
  const add = (): void => {
    received += heard.point.rates.messagesIn
    sent += heard.point.rates.messagesOut
  }
  for (add(); received === 0 || sent === 0; add()) heard = await events.next('sample')
  t.ok(received > 0 && received <= (1000 / SAMPLE_MS) * 2, `${received} a second`)
  t.match(heard, {
    live: true,
    status: String,
    capacity: server.stats().capacity,
    rooms: 1,
    memberships: 1,
    queues: [],
  })
  t.match(heard.largest, [{ room: '<b>red</b>', members: 1 }])
  t.match(
    heard.lanes.map(({ shard }: { shard: number }) => shard),
    [0, 1],
  )
  for (const { stats, rates } of heard.lanes) {
    t.match(stats, { connections: Number, loopUtilization: Number, loopDelayMs: Number, heapBytes: Number })
    t.match(rates, { messagesIn: Number, bytesOut: Number })
  }
  t.match(heard.main, { utilization: Number, heapBytes: Number, residentBytes: Number })
  t.ok(heard.main.utilization >= 0 && heard.main.utilization <= 1)
  await engine.statusOf({ headers: { 'Sec-WebSocket-Version': '7' } })
  while (heard.losses.length === 0) heard = await events.next('sample')
  t.match(heard.losses, [{ what: 'handshake refused', reason: 'UPGRADE_REQUIRED', meaning: /version 13/, count: 1 }])
})

t.test('one sampler for all, none for nobody, and a newcomer sees the past', async (t) => {
  const { client, looks } = await serve(t)
  t.equal(looks(), 0, 'nobody looks')
  await client.ask()
  t.equal(looks(), 0, 'the page alone costs nothing')
  const first = await client.look()
  await first.next('begin')
  for (let count = 0; count < 3; count++) await first.next('sample')
  const second = await client.look()
  const { points } = await second.next('begin')
  t.ok(points.length >= 4, `${points.length} points`)
  const [one, other] = [await first.next('sample'), await second.next('sample')]
  t.ok(Math.abs(one.point.at - other.point.at) < 60_000)
  first.leave()
  second.leave()
  await eventually('both are gone', () => client.answered === 3)
  const before = looks()
  const third = await client.look()
  const { points: kept } = await third.next('begin')
  t.ok(kept.length >= points.length, 'what was seen is not forgotten')
  t.ok(looks() - before <= 1, 'a page that is opened again at once is shown what there was')
  third.leave()
})

t.test('maxViewers: one more is told to come later', async (t) => {
  const { client } = await serve(t, { maxViewers: 2 })
  const viewers = [await client.look(), await client.look()]
  for (const viewer of viewers) await viewer.next('begin')
  t.match(await client.ask({ path: '/?events' }), { status: 503, headers: { 'retry-after': '10' }, body: /maxViewers/ })
  t.equal((await client.ask()).status, 200, 'the page itself is there')
  viewers[0]!.leave()
  await eventually('it is gone', () => client.answered === 3)
  t.equal((await client.look()).response.statusCode, 200)
})

t.test('the end of the server ends the streams, so that the HTTP server can close', async (t) => {
  const { client, server } = await serve(t)
  const events = await client.look()
  await events.next('begin')
  const closed = once(client.http, 'close')
  client.http.close()
  await server.shutdown()
  let last = await events.next('sample')
  while (last.live) last = await events.next('sample')
  t.match(last, { live: false, status: 'draining' })
  await closed
})

t.test('who comes after the end is told so and not kept', async (t) => {
  const { client, server } = await serve(t)
  await server.shutdown()
  const events = await client.look()
  t.match(await events.next('begin'), { latest: { live: false } })
  await t.rejects(events.next('sample'), /has ended/)
})

t.test('actions: off unless they are on', async (t) => {
  const all = ['reload', 'resize', 'drain'] as const
  for (const on of all) {
    const { client, logger, server } = await serve(t, { actions: { [on]: true } }, 1)
    const { body } = await client.ask()
    t.same(
      [...body.matchAll(/<button type="button" data-action="(\w+)"/g)].map(([, name]) => name),
      [on],
    )
    for (const off of all.filter((each) => each !== on)) {
      t.match(await client.act(`${off}&shards=2`), { status: 403, body: `options.actions.${off} is off\n` })
    }
    t.match(await client.act('restart'), { status: 400 })
    t.same(logger.records, [])
    t.equal(server.stats().shards.length, 1)
  }
})

t.test('reload, resize and drain do what they say, and the log hears who', async (t) => {
  const { client, engine, logger, server } = await serve(
    t,
    { actions: { reload: true, resize: true, drain: { code: 1012, deadlineMs: 100 } } },
    1,
  )
  const { id } = await engine.join()
  t.match(await client.act('reload'), {
    status: 200,
    body: 'Every shard is new: 1 connections moved, 0 stayed, 0 were closed.',
  })
  t.match(await client.act('resize&shards=3'), { status: 200, body: /There are 3 shards/ })
  t.equal(server.stats().shards.length, 3)
  for (const wrong of ['resize', 'resize&shards=0', 'resize&shards=two', 'resize&shards=1e9'])
    t.match(await client.act(wrong), { status: 400, body: /shards must be/ }, wrong)
  t.equal(server.stats().shards.length, 3)
  t.match(await client.act('drain'), { status: 200, body: /The server drains/ })
  t.equal((await engine.journal.closeOf(id)).code, 1006, 'this client answers no close frame')
  t.match(logger.records.filter(({ message }) => message.includes('somebody acts')).slice(0, 2), [
    { level: 'warn', details: { action: 'reload', peer: '127.0.0.1' } },
    { level: 'warn', details: { action: 'resize', shards: 3, peer: '127.0.0.1' } },
  ])
})

t.test('an action that fails says why', async (t) => {
  const { client, logger } = await serve(t, { actions: { reload: true } }, 0)
  t.match(await client.act('reload'), { status: 400, body: /no threads to change/ })
  t.match(logger.records.at(-1), { level: 'warn', message: /failed/ })
})

t.test('a server that cannot be looked at costs the request, not the process', async (t) => {
  const { server } = await EngineUnderTest.start(t, { shards: 0 })
  const logger = new RecordingLogger()
  const broken: WatchedServer = Object.assign(Object.create(server), {
    stats: () => {
      throw new Error('broken')
    },
  })
  const client = await DashboardClient.serve(t, dashboardHandler(broken, { logger }))
  await t.rejects((await client.look()).next('begin'))
  t.match(logger.records, [{ level: 'error', details: { error: /broken/ } }])
})

t.test('in Express, Fastify, Koa and Hono', async (t) => {
  const { server } = await EngineUnderTest.start(t, { shards: 0 })
  const dashboard = dashboardHandler(server, {
    sampleMs: SAMPLE_MS,
    actions: { drain: false, reload: true },
    logger: new RecordingLogger(),
  })
  const ports: Record<string, number> = {}
  const listen = async (handler: HttpHandler): Promise<number> => (await DashboardClient.serve(t, handler)).port

  ports.express = await listen(express().use('/dashboard', dashboard))

  const app = fastify({ forceCloseConnections: true })
  app.all('/dashboard', (request, reply) => {
    reply.hijack()
    dashboard(request.raw, reply.raw)
  })
  t.teardown(() => app.close())
  ports.fastify = Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port)

  const koa = new Koa()
  koa.use((context, next) => {
    if (context.path !== '/dashboard') return next()
    context.respond = false
    dashboard(context.req, context.res)
  })
  ports.koa = await listen(koa.callback())

  const hono = new Hono<{ Bindings: HttpBindings }>()
  hono.all('/dashboard', (context) => {
    dashboard(context.env.incoming, context.env.outgoing)
    return RESPONSE_ALREADY_SENT
  })
  const served = serveHono({ fetch: hono.fetch, port: 0, hostname: '127.0.0.1' }) as Server
  t.teardown(() => {
    served.closeAllConnections()
    served.close()
  })
  await once(served, 'listening')
  ports.hono = (served.address() as AddressInfo).port

  for (const [name, port] of Object.entries(ports)) {
    const url = `http://127.0.0.1:${port}/dashboard`
    t.match(await (await fetch(url)).text(), '<title>shardws</title>', name)
    const abort = new AbortController()
    const events = await fetch(`${url}?events`, { signal: abort.signal })
    let text = ''
    for await (const chunk of events.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk
      if (text.includes('event: sample')) break
    }
    t.match(text, /event: begin/, name)
    abort.abort()
    const acted = await fetch(`${url}?action=reload`, { method: 'POST', headers: { 'shardws-dashboard': '1' } })
    t.equal(acted.status, 400, `${name}: there are no threads`)
  }
})

t.test('mistakes are named', async (t) => {
  const { server } = await EngineUnderTest.start(t, { shards: 0 })
  for (const wrong of [undefined, null, {}, 'server', createServer()])
    t.throws(() => dashboardHandler(wrong as never), { code: 'ARGUMENT_INVALID', message: /^server must be/ })
  const refused = (options: object, message: RegExp, code = 'OPTION_INVALID'): void =>
    void t.throws(() => dashboardHandler(server, options), { code, message })
  refused({ authorise: () => true }, /did you mean options\.authorize/, 'OPTION_UNKNOWN')
  refused({ authorize: true }, /options\.authorize must be a function/)
  refused({ actions: { restart: true } }, /options\.actions\.restart is unknown/, 'OPTION_UNKNOWN')
  refused({ actions: { reload: 'yes' } }, /options\.actions\.reload/)
  refused({ actions: { drain: { code: 7 } } }, /options\.actions\.drain\.code/)
  for (const title of ['', 'x'.repeat(61)]) refused({ title }, /options\.title/)
  for (const sampleMs of [99, 60_001]) refused({ sampleMs }, /options\.sampleMs/)
  for (const maxViewers of [0, 1001]) refused({ maxViewers }, /options\.maxViewers/)
  for (const options of [
    { sampleMs: 100 },
    { sampleMs: 60_000 },
    { maxViewers: 1 },
    { maxViewers: 1000 },
    { title: 'x'.repeat(60) },
  ])
    dashboardHandler(server, options)
})

t.test('nothing of it keeps a process alive, though somebody looks', async (t) => {
  const script = `
    import { once } from 'node:events'
    import { createServer, get } from 'node:http'
    import { WebSocketServer } from '${new URL('../../src/index.js', import.meta.url)}'
    import { dashboardHandler } from '${new URL('../../src/dashboard/dashboard.js', import.meta.url)}'
    const server = new WebSocketServer({ shards: 1 })
    await server.ready()
    const http = createServer(dashboardHandler(server, { sampleMs: 100 }))
    await once(http.listen(0, '127.0.0.1'), 'listening')
    const [stream] = await once(get({ port: http.address().port, host: '127.0.0.1', path: '/?events', agent: false }), 'response')
    let text = ''
    stream.setEncoding('utf8').on('data', (chunk) => { text += chunk })
    while (!text.includes('event: sample')) await once(stream, 'data')
    http.close()
    await server.shutdown()
    process.on('exit', () => console.log(text.includes('"live":false')))`
  const file = join(t.testdir({ 'process.mjs': script }), 'process.mjs')
  const output = await promisify(execFile)(process.execPath, [file], { timeout: 20_000 })
  t.equal(output.stdout, 'true\n')
})
