/** Document 004: the options of `withOptions`, and what depends on them. */
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { engineOptionsOf } from '../../src/facades/verb/options.ts'
import { createServer, ServerProtocol, type VerbSocket, type VerbWebSocketOptions } from '../../src/facades/verb.ts'
import { deferred } from '../fixtures/deferred.ts'
import { eventually } from '../fixtures/journal.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'
import { VerbUnderTest } from '../fixtures/verb-server.ts'

/** The code with which a binary message of this declared length is refused; null when its rest is awaited. */
async function answerToLength(verb: VerbUnderTest, length: number): Promise<number | null> {
  const before = verb.app.stats()?.wireBytesIn ?? 0
  const client = await verb.open()
  client.sendFrame({ opcode: RawOpcode.Binary, declared: BigInt(length), payload: 'begun' })
  await eventually('it has been read', () => (verb.app.stats()?.wireBytesIn ?? 0) > before)
  client.end()
  const { closeCode = null } = await client.waitClosed()
  return closeCode
}

t.test('FV06 OP39: the engine has its own defaults unless an option is set', async (t) => {
  t.same(engineOptionsOf({}), {})
  t.same(engineOptionsOf({ open: () => {}, overload: 'http503' }), {})
  const verb = await new VerbUnderTest(t, { message: () => {} }).listen()
  t.equal(await answerToLength(verb, 1024 * 1024 + 1), 1009)
  t.equal(await answerToLength(verb, 1024 * 1024), null)
})

t.test('OP42: maxPayloadLength', async (t) => {
  const verb = await new VerbUnderTest(t, { maxPayloadLength: 16 * 1024 * 1024, message: () => {} }).listen()
  t.equal(await answerToLength(verb, 16 * 1024 * 1024), null)
  t.equal(await answerToLength(verb, 16 * 1024 * 1024 + 1), 1009)
})

t.test('FV03: all tuning options at once, as the document shows them', async (t) => {
  const options: VerbWebSocketOptions = {
    maxCompressedSize: 64 * 1024 * 1024,
    maxBackpressure: 64 * 1024 * 1024,
    closeOnBackpressureLimit: false,
    compression: 'shared',
    maxPayloadLength: 16 * 1024 * 1024,
    idleTimeout: 120,
    maxLifetime: 0,
  }
  const { closeOnBackpressureLimit: _, maxLifetime: __, ...same } = options
  t.same(engineOptionsOf(options), { ...same, slowConsumer: 'drop', maxLifetimeMs: 0 })
  const verb = await new VerbUnderTest(t, { ...options, message: (ws, message) => ws.send(message) }).listen()
  const client = await verb.connect()
  client.socket.send('works')
  t.equal(await client.nextText(), 'works')
})

t.test('mistakes in options are refused by withOptions, each by its name', async (t) => {
  const app = createServer(ServerProtocol.WEBSOCKET)
  for (const [options, code, message] of [
    [{ prot: 1 }, 'OPTION_UNKNOWN', /options\.prot is unknown; did you mean options\.port/],
    [{ port: 65_536 }, 'OPTION_INVALID', /options\.port must be/],
    [{ websocket: 7 }, 'OPTION_INVALID', /options\.websocket must be/],
    [{ websocket: { mesage: () => {} } }, 'OPTION_UNKNOWN', /mesage/],
    [{ websocket: { handler: new URL('file:///x.js') } }, 'OPTION_UNKNOWN', /modules for the shards/],
    [{ websocket: { sessions: true } }, 'OPTION_UNKNOWN', /sessions are for WebSocketServer/],
    [{ websocket: { open: 'x' } }, 'OPTION_INVALID', /options\.websocket\.open must be a function/],
    [{ websocket: { maxLifetime: -1 } }, 'OPTION_INVALID', /maxLifetime must be an integer/],
    [{ websocket: { maxLifetime: 35_792 } }, 'OPTION_INVALID', /maxLifetime/],
    [{ websocket: { maxLifetime: 1, maxLifetimeMs: 1 } }, 'OPTION_INVALID', /another name/],
    [{ websocket: { closeOnBackpressureLimit: true, slowConsumer: 'drop' } }, 'OPTION_INVALID', /another name/],
    [{ websocket: { overload: 'close' } }, 'OPTION_INVALID', /overload/],
    [{ websocket: { idleTimeout: '120' } }, 'OPTION_INVALID', /idleTimeout/],
    [{ body: 7 }, 'OPTION_INVALID', /options\.body/],
    [{ shutdown: { code: 1 } }, 'OPTION_INVALID', /options\.shutdown\.code/],
    [{ handleSignals: 'SIGTERM' }, 'OPTION_INVALID', /handleSignals/],
  ] as const) {
    t.throws(() => app.withOptions(options as never), { code, message }, JSON.stringify(options))
  }
})

t.test('OP38 CP06: maxCompressedSize limits a message as it is on the wire', async (t) => {
  const verb = await new VerbUnderTest(t, {
    compression: 'shared',
    maxCompressedSize: 1000,
    message: (ws, message) => ws.send(String(message.length)),
  }).listen()
  const client = await verb.connect()
  client.socket.send('x'.repeat(100_000))
  t.equal(await client.nextText(), '100000')
  client.socket.send(randomBytes(1100))
  t.equal((await client.closed).code, 1009)
})

t.test('OP41 CP05: compression: shared, dedicated, disabled', async (t) => {
  for (const [compression, agreed] of [
    ['shared', /permessage-deflate;.*server_no_context_takeover/],
    ['dedicated', /permessage-deflate(?!.*server_no_context_takeover)/],
    ['disabled', null],
  ] as const) {
    const verb = await new VerbUnderTest(t, { compression, open: () => {} }).listen()
    const client = await verb.open({ headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } })
    if (agreed === null) t.equal(client.extensions, null, compression)
    else t.match(client.extensions, agreed, compression)
  }
})

/** The socket of a client that reads nothing, once `send` has refused a message; and its close code to come. */
async function fillUp(t: Test, closeOnBackpressureLimit: boolean) {
  const refused = deferred<VerbSocket>()
  const closed = deferred<number>()
  const verb = new VerbUnderTest(t, {
    maxBackpressure: 64 * 1024,
    closeOnBackpressureLimit,
    message: async (ws) => {
      while (ws.send(Buffer.alloc(64 * 1024))) await new Promise(setImmediate)
      refused.resolve(ws)
    },
    close: (_ws, code) => closed.resolve(code),
  })
  await verb.listen()
  const client = await verb.connect()
  client.socket.pause()
  client.socket.send('go')
  return { client, ws: await refused.promise, closed: closed.promise }
}

t.test('OP40 BP03: closeOnBackpressureLimit: false refuses the newest message', async (t) => {
  const { client, ws, closed } = await fillUp(t, false)
  t.equal(ws.readyState, ws.OPEN)
  t.ok(ws.bufferedAmount < 3 * 64 * 1024, `${ws.bufferedAmount} bytes`)
  client.socket.resume()
  await client.close(4000)
  t.equal(await closed, 4000)
})

t.test('OP40 BP03: closeOnBackpressureLimit: true closes a slow connection with 1013', async (t) => {
  const { closed } = await fillUp(t, true)
  t.equal(await closed, 1013)
})

t.test('OP43 HE13: idleTimeout in seconds: a silent connection is closed with 1001', async (t) => {
  const verb = await new VerbUnderTest(t, { idleTimeout: 1, pingIntervalMs: 0, open: () => {} }).listen()
  const client = await verb.connect()
  t.equal((await client.closed).code, 1001)
})

t.test('OP44 HE13: maxLifetime in minutes', async (t) => {
  t.same(engineOptionsOf({ maxLifetime: 3 }), { maxLifetimeMs: 180_000 })
  t.same(engineOptionsOf({ maxLifetime: 0 }), { maxLifetimeMs: 0 })
  const verb = await new VerbUnderTest(t, { maxLifetimeMs: 50, open: () => {} }).listen()
  t.equal((await (await verb.connect()).closed).code, 1001)
})

t.test('HE12: a connection that answers no ping has 1002 Ping timeout in close, by handler and by on', async (t) => {
  const closes: unknown[][] = []
  const verb = new VerbUnderTest(t, {
    pingIntervalMs: 50,
    livenessMs: 150,
    close: (_ws, ...args) => {
      closes.push(args)
    },
  })
  verb.app.get('/route', (_request, response) => {
    response.upgrade().on('close', (...args) => closes.push(args))
  })
  await verb.listen()
  for (const path of ['/', '/route']) {
    const client = await verb.open({ path })
    await client.waitClosed()
    await verb.empty()
    t.same(closes.splice(0), [[1002, 'Ping timeout']])
  }
})

t.test('clients that offer another protocol than WebSocket get HTTP', async (t) => {
  const [major] = process.versions.node.split('.').map(Number)
  const verb = new VerbUnderTest(t, { open: () => {} })
  verb.app.post('/', (request, response) => response.json(request.body))
  await verb.listen()
  const socket = connect(verb.port, '127.0.0.1')
  const body = '{"a":1}'
  socket.write(
    `POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
  let answer = ''
  for await (const chunk of socket) answer += String(chunk)
  // Node 20 cannot tell them apart before it gives the socket up.
  t.match(answer, (major as number) < 22 ? /^HTTP\/1.1 40/ : /^HTTP\/1.1 200 OK\r\n.*{"a":1}$/s)
})
