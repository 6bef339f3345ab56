import { extname } from 'node:path'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import t, { type Test } from 'tap'
import type { Handler, WebSocketServerOptions } from '../../src/index.ts'
import { traceHandler, traceHandshakes } from '../../src/opentelemetry/tracing.ts'
import { EngineUnderTest, nextText, sendText } from '../fixtures/engine-under-test.ts'
import traced, { spans } from '../fixtures/handlers/traced.handler.ts'
import { eventually } from '../fixtures/journal.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'
import { type EndedSpan, traceparentOf } from '../fixtures/tracing/recording-tracer.ts'

const HANDLER = new URL(`../fixtures/handlers/traced.handler${extname(import.meta.url)}`, import.meta.url)
const PARENT = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }
const SENDER = { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16) }
const FROM_PARENT = { headers: { traceparent: traceparentOf(PARENT), 'User-Agent': 'test/1' } }

/** A server whose handshakes are traced until the test ends. */
async function startTraced(t: Test, options: WebSocketServerOptions): Promise<EngineUnderTest> {
  spans.length = 0
  t.teardown(traceHandshakes())
  return EngineUnderTest.start(t, options)
}

async function handshakeOf(path: string): Promise<EndedSpan> {
  const find = () =>
    spans.find(({ name, attributes }) => name === 'websocket handshake' && attributes['url.path'] === path)
  await eventually(`the span of ${path}`, () => find() !== undefined)
  return find() as EndedSpan
}

t.test('a handshake: a child of the caller, with what was answered', async (t) => {
  let seen: unknown
  const engine = await startTraced(t, {
    shards: 1,
    maxUrlLength: 60,
    verifyClient: ({ url, headers }) => {
      seen = headers.traceparent
      if (url === '/throws') throw new Error('of the application')
      return url === '/refused' ? { status: 403 } : true
    },
  })
  const { id, peer } = await engine.join({ path: '/chat?token=secret', ...FROM_PARENT })
  const opened = await handshakeOf('/chat')
  t.match(opened, { kind: SpanKind.SERVER, traceId: PARENT.traceId, parentId: PARENT.spanId, status: 0 })
  t.match(opened.attributes, {
    'http.request.method': 'GET',
    'url.scheme': 'http',
    'client.address': '127.0.0.1',
    'network.peer.address': '127.0.0.1',
    'network.peer.port': peer.remotePort,
    'user_agent.original': 'test/1',
    'http.response.status_code': 101,
    'shardws.handshake.outcome': 'opened',
    'shardws.connection.id': id,
    'shardws.shard': 0,
  })
  t.notMatch(JSON.stringify(opened), 'secret')
  t.equal(seen, traceparentOf(opened), 'what verifyClient begins is a child of it')
  t.equal(peer.headers.traceparent, traceparentOf(opened))

  t.equal(await engine.statusOf({ path: '/refused' }), 403)
  const refused = await handshakeOf('/refused')
  t.match(refused, { parentId: null, status: SpanStatusCode.UNSET })
  t.match(refused.attributes, { 'http.response.status_code': 403, 'error.type': 'UNAUTHORIZED' })
  t.equal(await engine.statusOf({ path: '/throws' }), 500)
  const failed = await handshakeOf('/throws')
  t.equal(failed.status, SpanStatusCode.ERROR)
  t.match(failed.attributes, { 'http.response.status_code': 500, 'error.type': 'VERIFY_FAILED' })
  const long = `/${'x'.repeat(60)}`
  t.equal(await engine.statusOf({ path: long }), 414)
  t.match((await handshakeOf(long)).attributes, { 'http.response.status_code': 414, 'error.type': 'URI_TOO_LONG' })
  spans.length = 0
})

t.test('after the end of it there are no spans, and headers are as they came', async (t) => {
  const stop = traceHandshakes()
  stop()
  const engine = await EngineUnderTest.start(t, { shards: 0 })
  spans.length = 0
  const { peer } = await engine.join(FROM_PARENT)
  t.equal(peer.headers.traceparent, traceparentOf(PARENT))
  t.same(spans, [])
})

for (const [name, options] of [
  ['on main', { shards: 1, handler: traced }],
  ['in a shard', { shards: 1, handler: HANDLER }],
] as const) {
  t.test(`a handler ${name}: its spans belong to the handshake or link to it`, async (t) => {
    const engine = await startTraced(t, options)
    const { client, id } = await engine.join({ path: '/?name=ann', ...FROM_PARENT })
    const handshake = await handshakeOf('/')
    const openId = await nextText(client)
    sendText(client, 'hello')
    const helloId = await nextText(client)
    sendText(client, JSON.stringify({ traceparent: traceparentOf(SENDER) }))
    const sentId = await nextText(client)
    sendText(client, '{ broken')
    await nextText(client)
    sendText(client, 'fail')
    await engine.journal.until('the error', () => engine.journal.errors[0])
    client.sendFrame({ opcode: RawOpcode.Ping, payload: 'not traced' })
    t.equal(await nextText(client), 'none')
    client.destroy()
    await engine.journal.closeOf(id)
    t.equal(await engine.statusOf({ path: '/?name=nobody' }), 401)

    const asking = await engine.open({ path: '/?name=bob' })
    await nextText(asking)
    let told: EndedSpan[] = []
    while (!told.some((span) => span.name === 'websocket close')) {
      sendText(asking, 'spans')
      told = JSON.parse(await nextText(asking))
    }
    const ofAnn = told.filter(({ traceId, links }) => traceId === PARENT.traceId || links.includes(handshake.spanId))
    const own = ofAnn.filter((span) => span.name !== 'websocket handshake')
    t.same(
      own.map((span) => span.name.replace('websocket ', '')),
      ['upgrade', 'open', 'message', 'message', 'message', 'message', 'close'],
    )
    const [upgrade, open, hello, sent, broken, failed, close] = own as [
      EndedSpan,
      EndedSpan,
      EndedSpan,
      EndedSpan,
      EndedSpan,
      EndedSpan,
      EndedSpan,
    ]
    for (const span of [upgrade, open])
      t.match(span, { parentId: handshake.spanId, links: [], traceId: PARENT.traceId })
    for (const span of [hello, broken, failed, close]) t.match(span, { parentId: null, links: [handshake.spanId] })
    t.match(sent, { ...SENDER, spanId: sentId, parentId: SENDER.spanId, links: [handshake.spanId] })
    t.same([open.spanId, hello.spanId], [openId, helloId], 'it is the active one, also behind an await')
    t.match(hello, { kind: SpanKind.CONSUMER, status: SpanStatusCode.UNSET })
    t.match(hello.attributes, {
      'url.path': '/',
      'shardws.connection.id': id,
      'shardws.shard': 0,
      'messaging.system': 'websocket',
      'messaging.operation.type': 'process',
      'messaging.message.body.size': 5,
    })
    t.match(broken.exceptions, [/JSON/], 'a carrier that cannot be read is noted')
    t.equal(broken.status, SpanStatusCode.UNSET)
    t.match(failed, { status: SpanStatusCode.ERROR, exceptions: ['of the application'] })
    t.equal(failed.attributes['error.type'], 'NO_BREAD')
  })
}

t.test('a connection that moves: detach and attach', async (t) => {
  const engine = await startTraced(t, { shards: 1, handler: HANDLER })
  const { client } = await engine.join()
  await nextText(client)
  const handshake = await handshakeOf('/')
  t.match(await engine.server.reload(), { moved: 1 })
  sendText(client, 'spans')
  const arrived: EndedSpan[] = JSON.parse(await nextText(client))
  t.match(arrived, [{ name: 'websocket attach', links: [handshake.spanId] }])
})

t.test('what is traced is what was given', async (t) => {
  class Counting implements Handler {
    #count = 0
    open(): void {
      this.#count++
    }
    canJoin(): boolean {
      return this.#count === 1
    }
    readonly onInvalid = 'close'
  }
  const handler = traceHandler(new Counting())
  t.same(Object.keys(handler).sort(), ['canJoin', 'onInvalid', 'open'])
  const socket = { id: 'id', path: '/', headers: {}, shard: 0 } as never
  t.equal(handler.open?.(socket, socket), undefined)
  t.equal(handler.canJoin?.(socket, 'red'), true, 'with its private fields')
  let calls = 0
  const ofFunction = traceHandler(() => ++calls)
  t.same(Object.keys(ofFunction).sort(), ['attach', 'open'])
  t.equal(ofFunction.open?.(socket, socket), 1)
  t.throws(() => traceHandler({} as never), { code: 'ARGUMENT_INVALID', message: /^handler must be/ })
  t.throws(() => traceHandler(traced, { carrierOf: 1 as never }), { code: 'ARGUMENT_INVALID', message: /carrierOf/ })
})
