/** Documents 002 and 003, NextRush v2: the options of WebSocketPlugin, their names, units, defaults and limits. */
import t, { type Test } from 'tap'
import { pluginOptions } from '../../src/facades/nextrush/options.ts'
import { createApp, WebSocketPlugin, type WebSocketPluginOptions } from '../../src/facades/nextrush.ts'
import { WebSocketPlugin as OverviewPlugin } from '../../src/facades/nextrush-v2.ts'
import { resolveOptions } from '../../src/main/resolve-options.ts'
import { Clients, v2App } from '../fixtures/nextrush-app.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'
import { RecordingLogger } from '../fixtures/recording-logger.ts'

const MIB = 1024 * 1024

/** What the engine makes of them. */
const resolved = (options: WebSocketPluginOptions) => resolveOptions(pluginOptions(options))

/** An echo at `/`. */
async function startEcho(t: Test, options: WebSocketPluginOptions) {
  const started = v2App(t, options)
  started.app.ws('/', (socket) => {
    socket.onMessage((message) => socket.send(message))
  })
  await started.listen()
  return started
}

/** The code with which a message of this length is refused, judged by its header; null if its rest is awaited. */
async function answerToLength(t: Test, plugin: WebSocketPlugin, length: number): Promise<number | undefined | null> {
  const app = createApp()
  plugin.install(app)
  app.ws('/', () => {})
  const clients = new Clients()
  t.teardown(async () => {
    clients.end()
    await app.close()
  })
  clients.port = (await app.listen(0, '127.0.0.1')).port
  const client = await clients.raw()
  client.sendFrame({ opcode: RawOpcode.Binary, declared: BigInt(length), payload: 'begun' })
  while (plugin.getStats().wireBytesIn === 0) await new Promise(setImmediate)
  if (plugin.getStats().failures.total === 0) return null
  return (await client.waitClosed()).closeCode
}

t.test('OP22 OP23 OP24 OP25 OP32 OP33: the defaults', async (t) => {
  t.match(resolved({}), {
    maxConnections: 10_000,
    allowOrigins: [],
    shard: { maxPayload: MIB, pingIntervalMs: 30_000, livenessMs: 45_000 },
  })
  const names = ['path', 'heartbeatMs', 'pongTimeoutMs', 'maxConnections', 'maxMessageSize', 'allowOrigins', 'debug']
  t.match(resolved(Object.fromEntries(names.map((name) => [name, undefined]))), { maxConnections: 10_000 })
  const { clients } = await startEcho(t, {})
  t.equal(await clients.statusOf('/ws'), 101, 'the default path, without a handler')
})

t.test('OP21 OP29 RT06 RT07 RT08: path is the gate, and every route extends it', async (t) => {
  const { app, clients, listen } = v2App(t, { path: ['/ws', '/api/ws/*', '/game/*'] })
  app.ws('/chat', (socket) => void socket.send('chat'))
  app.ws('/game/:gameId', (socket, req) => void socket.send(`game ${req.params.gameId}`))
  await listen()
  for (const [path, status] of [
    ['/ws', 101],
    ['/ws?x=1', 101],
    ['/api/ws/chat', 101],
    ['/api/ws/a/b', 101],
    ['/chat', 101],
    ['/api/ws', 404],
    ['/wsx', 404],
    ['/', 404],
    ['/other', 404],
  ] as const) {
    t.equal(await clients.statusOf(path), status, path)
  }
  t.equal(await (await clients.connect('/chat')).nextText(), 'chat')
  t.equal(await (await clients.connect('/game/7')).nextText(), 'game 7')
  t.equal(await clients.statusOf('/game/7/8'), 101, 'allowed by the gate')
  app.ws('/ws', (socket) => void socket.send('late'))
  t.equal(await (await clients.connect('/ws')).nextText(), 'late', 'the gate gets its handler')
})

t.test('OP21 OP29: one path, any path, and what is none', async (t) => {
  const one = await startEcho(t, { path: '/websocket' })
  t.equal(await one.clients.statusOf('/websocket'), 101)
  t.equal(await one.clients.statusOf('/ws'), 404)
  const any = await startEcho(t, { path: '*' })
  t.equal(await any.clients.statusOf('/a/b'), 101)
  any.app.ws('/*', (socket, req) => void socket.send(req.params['*']))
  t.equal(await (await any.clients.connect('/a/b')).nextText(), 'a/b')
  for (const path of ['ws', '', 7, null, ['/ws', 'ws']]) {
    t.throws(() => pluginOptions({ path } as WebSocketPluginOptions), {
      code: 'OPTION_INVALID',
      message: /^options\.path must be a path that begins with '\/'/,
    })
  }
})

t.test('OP21: a path of the option is free for a module until somebody connects', async (t) => {
  const module = new URL('../fixtures/handlers/thread.handler.js', import.meta.url)
  const { app, clients, listen } = v2App(t, { path: ['/ws', '/other'] })
  app.ws('/ws', module)
  await listen()
  t.match(await (await clients.connect('/ws')).nextText(), /^on thread \d+$/)
  t.equal(await clients.statusOf('/other'), 101)
  t.throws(() => app.ws('/other', module), { code: 'ARGUMENT_INVALID', message: /has a handler already/ })
})

t.test('OP22 OP30 HE07: heartbeatMs, and 0 for neither pings nor a deadline', async (t) => {
  const { clients } = await startEcho(t, { heartbeatMs: 20, pongTimeoutMs: 60_000 })
  const client = await clients.raw()
  for (let ping = 0; ping < 3; ping++) t.equal((await client.nextControl()).opcode, RawOpcode.Ping)
  t.match(resolved({ heartbeatMs: 0 }).shard, { pingIntervalMs: 0, livenessMs: 0 })
  t.match(resolved({ heartbeatMs: 15_000 }).shard, { pingIntervalMs: 15_000, livenessMs: 45_000 })
  t.match(resolved({ heartbeatMs: 60_000 }).shard, { livenessMs: 90_000 }, 'who answers pings is not cut')

  const quiet = await startEcho(t, { heartbeatMs: 0, pongTimeoutMs: 50 })
  const silent = await quiet.clients.raw()
  // Several times as long as either deadline would have been.
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.same(silent.unread(), [])
  t.match(quiet.plugin.getStats(), { connections: 1, timeouts: { liveness: 0 } })
})

t.test('OP23 HE08 HE09 HE10: pongTimeoutMs counts from the last byte', async (t) => {
  const { app, clients, plugin } = await startEcho(t, { heartbeatMs: 50, pongTimeoutMs: 150 })
  const closes = new Promise<unknown[]>((resolve) => {
    app.ws('/silent', (socket) => void socket.onClose((code, reason) => resolve([code, reason, socket.isAlive])))
  })
  const answering = await clients.connect('/')
  const silent = await clients.raw({ path: '/silent' })
  t.match(await silent.waitClosed(), { closeFrameSeen: false })
  t.same(await closes, [1006, 'liveness timeout', false])
  answering.socket.send('still here')
  t.equal(await answering.nextText(), 'still here')
  t.match(plugin.getStats(), { connections: 1, timeouts: { liveness: 1 } })
  const [id = ''] = plugin.server.getConnections()
  t.ok((plugin.server.getConnection(id)?.lastPong ?? 0) > 0)
  t.equal(plugin.server.getConnection(id)?.isAlive, true)
})

t.test('OP23: a pongTimeoutMs that is not longer than the heartbeat counts from the ping', async (t) => {
  for (const [options, livenessMs] of [
    [{ pongTimeoutMs: 20_000 }, 50_000],
    [{ pongTimeoutMs: 30_000 }, 60_000],
    [{ pongTimeoutMs: 30_001 }, 30_001],
    [{ heartbeatMs: 10_000, pongTimeoutMs: 20_000 }, 20_000],
    [{ heartbeatMs: 10_000, pongTimeoutMs: 5000 }, 15_000],
  ] as const) {
    t.equal(resolved(options).shard.livenessMs, livenessMs, JSON.stringify(options))
  }
})

t.test('OP24 OP32: maxConnections, and Infinity', async (t) => {
  const { clients, plugin } = await startEcho(t, { maxConnections: 2, shards: 2 })
  await Promise.all([clients.connect(), clients.connect()])
  const refused = await clients.raw()
  t.equal(refused.response.status, 503)
  t.match(refused.response.headers.get('retry-after'), [/^\d+$/])
  t.match(plugin.getStats().rejected, { reasons: { OVER_CAPACITY: 1 } })
  const unlimited = await startEcho(t, { maxConnections: Number.POSITIVE_INFINITY })
  await unlimited.clients.connect()
  t.ok(resolved({ maxConnections: Number.POSITIVE_INFINITY }).maxConnections >= 1_000_000)
})

t.test('OP25 OP33: maxMessageSize, and one byte more', async (t) => {
  for (const [options, limit] of [
    [{}, MIB],
    [{ maxMessageSize: 64 * 1024 }, 64 * 1024],
    [{ maxPayload: 10 }, 10],
  ] as const) {
    const { clients } = await startEcho(t, options)
    const client = await clients.connect()
    client.socket.send(Buffer.alloc(limit))
    t.equal((await client.next()).data.length, limit)
    client.socket.send(Buffer.alloc(limit + 1))
    t.equal((await client.closed).code, 1009)
  }
})

t.test('OP31 OP32 OP33 HE10: the plugin of the overview has its numbers', async (t) => {
  // On this thread: what is read is judged in the same turn.
  const quiet = { shards: 0, logLevel: 'error' } as const
  t.equal(await answerToLength(t, new OverviewPlugin(quiet), 16 * MIB), null)
  t.equal(await answerToLength(t, new OverviewPlugin(quiet), 16 * MIB + 1), 1009)
  t.equal(await answerToLength(t, new OverviewPlugin({ ...quiet, maxMessageSize: 10 }), 11), 1009)
  t.equal(await answerToLength(t, new OverviewPlugin({ ...quiet, maxPayload: 10 }), 11), 1009)
  t.equal(await answerToLength(t, new OverviewPlugin({ ...quiet, maxPayload: 10 }), 10), null)
  t.throws(() => new OverviewPlugin({ pongTimoutMs: 1 } as never), { message: /did you mean options\.pongTimeoutMs\?/ })
  t.throws(() => new OverviewPlugin(null as never), { message: /options must be an object/ })
})

t.test('OP26 OP34 OP36 AU18: allowOrigins', async (t) => {
  const { clients } = await startEcho(t, {
    allowOrigins: [/^https:\/\/.*\.mycompany\.com$/, 'http://localhost:*', 'https://myapp.com'],
  })
  for (const [origin, status] of [
    ['https://a.b.mycompany.com', 101],
    ['http://localhost:3000', 101],
    ['https://myapp.com', 101],
    ['https://mycompany.com.evil.com', 403],
    ['http://localhost.evil.com:3000', 403],
    ['http://localhost:3000.evil.com', 403],
    ['null', 403],
  ] as const) {
    t.equal(await clients.statusOf('/', { Origin: origin }), status, origin)
  }
  for (const allowOrigins of [[], ['*']]) {
    const any = await startEcho(t, { allowOrigins })
    t.equal(await any.clients.statusOf('/', { Origin: 'https://any.com' }), 101)
  }
})

t.test('OP27 OP35 AU17: verifyClient gets the http.IncomingMessage; whatever is not true is a 401', async (t) => {
  const { clients } = await startEcho(t, {
    verifyClient: async (req) => {
      const token = new URL(req.url ?? '', 'http://localhost').searchParams.get('token')
      if (req.headers['user-agent'] === undefined || req.socket.remoteAddress !== '127.0.0.1') return false
      // The document's own handler returns '' and null where it means false.
      return (token && (await Promise.resolve(token === 'valid'))) as boolean
    },
  })
  const agent = { 'User-Agent': 'test' }
  for (const [path, headers, status] of [
    ['/?token=valid', agent, 101],
    ['/?token=valid', {}, 401],
    ['/?token=wrong', agent, 401],
    ['/?token=', agent, 401],
    ['/', agent, 401],
  ] as const) {
    t.equal(await clients.statusOf(path, headers), status, `${path} ${JSON.stringify(headers)}`)
  }
  const everyone = await startEcho(t, {})
  t.equal(await everyone.clients.statusOf('/'), 101)
})

t.test('OP27 AU16: ranges of addresses are allowIps and denyIps', async (t) => {
  const allowed = await startEcho(t, { allowIps: ['127.0.0.0/8', '10.0.0.0/8'] })
  t.equal(await allowed.clients.statusOf('/'), 101)
  const others = await startEcho(t, { allowIps: ['10.0.0.0/8'] })
  t.equal(await others.clients.statusOf('/'), 403)
})

t.test('OP28 OP36: debug is detailed logging', async (t) => {
  const lines: string[] = []
  t.capture(process.stderr, 'write', ((text: string) => lines.push(text)) as never)
  for (const debug of [true, false]) {
    lines.length = 0
    const { app, clients } = await startEcho(t, {
      maxMessageSize: 1,
      debug,
      logLevel: debug ? undefined : 'error',
    } as never)
    const closed = new Promise<void>((resolve) => {
      app.ws('/closing', (socket) => void socket.onClose(() => resolve()))
    })
    const client = await clients.connect('/closing')
    client.socket.send('too long')
    await Promise.all([client.closed, closed])
    t.equal(lines.length > 0, debug)
  }
  const logger = new RecordingLogger()
  t.equal(resolved({ logger }).logger, logger)
})

t.test('F202: an unknown or mistyped option throws when the plugin is made', async (t) => {
  for (const [options, message] of [
    [{ heartbeatMS: 1 }, /options\.heartbeatMS is unknown; did you mean options\.heartbeatMs\?/],
    [{ pingInterval: 1 }, /options\.pingInterval is unknown; did you mean options\.pingIntervalMs\?/],
    [{ heartbeatMs: -1 }, /options\.heartbeatMs must be an integer from 0/],
    [{ pongTimeoutMs: '1' }, /options\.pongTimeoutMs must be an integer/],
    [{ maxConnections: 0 }, /options\.maxConnections must be an integer from 1/],
    [{ maxMessageSize: 2 ** 31 }, /options\.maxMessageSize must be an integer from 1 to 2147483647/],
    [{ allowOrigins: 'x' }, /options\.allowOrigins must be an array/],
    [{ verifyClient: true }, /options\.verifyClient must be a function/],
    [{ debug: 'yes' }, /options\.debug must be true or false/],
    [{ maxMessageSize: 1, maxPayload: 1 }, /options\.maxMessageSize is another name of options\.maxPayload/],
    [{ heartbeatMs: 1, pingIntervalMs: 1 }, /options\.heartbeatMs is another name of options\.pingIntervalMs/],
    [{ pongTimeoutMs: 1, livenessMs: 1 }, /options\.pongTimeoutMs is another name of options\.livenessMs/],
    [[], /options must be an object/],
  ] as const) {
    t.throws(() => new WebSocketPlugin(options as WebSocketPluginOptions), { message }, String(message))
  }
})
