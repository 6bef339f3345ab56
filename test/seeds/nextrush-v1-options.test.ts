/** Document 001, NextRush v1: the options of enableWebSocket, their names, units, defaults and limits. */
import t, { type Test } from 'tap'
import { appOptions } from '../../src/facades/nextrush/options.ts'
import { NextRushApp, type WebSocketOptions } from '../../src/facades/nextrush.ts'
import { resolveOptions } from '../../src/main/resolve-options.ts'
import { v1App } from '../fixtures/nextrush-app.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'
import { RecordingLogger } from '../fixtures/recording-logger.ts'

const MIB = 1024 * 1024

/** What the engine makes of them. */
const resolved = (options: WebSocketOptions) => resolveOptions(appOptions(options))

/** An echo at `/`. */
async function startEcho(t: Test, options: WebSocketOptions) {
  const started = v1App(t, options)
  started.app.ws('/', (socket) => {
    socket.on('message', (message) => socket.send(message))
  })
  await started.listen()
  return started
}

t.test('F104 OP07 OP08 OP09 OP12 OP17: the defaults', async (t) => {
  t.match(resolved({}), {
    maxConnections: 1000,
    maxRooms: 1000,
    deflatePolicy: null,
    shard: { maxPayload: MIB, pingIntervalMs: 30_000, livenessMs: 35_000, compression: null },
  })
  const undefinedOptions = Object.fromEntries(
    ['maxConnections', 'maxRooms', 'pingInterval', 'pongTimeout', 'maxMessageSize', 'extensions'].map((name) => [
      name,
      undefined,
    ]),
  )
  t.match(resolved(undefinedOptions), { maxConnections: 1000, maxRooms: 1000, shard: { livenessMs: 35_000 } })
})

t.test('OP07: the 1001st connection of all shards together gets 503 with Retry-After, and is counted', async (t) => {
  const { app, clients, listen } = v1App(t, { shards: 2 })
  app.ws('/', () => {})
  await listen()
  const open = async (): Promise<number> => (await clients.raw()).response.status
  for (let batch = 0; batch < 10; batch++) {
    const statuses = await Promise.all(Array.from({ length: 100 }, open))
    t.same([...new Set(statuses)], [101])
  }
  const refused = await clients.raw()
  t.equal(refused.response.status, 503)
  t.match(refused.response.headers.get('retry-after'), [/^\d+$/])
  t.match(app.getWebSocketStats().rejected, { total: 1, reasons: { OVER_CAPACITY: 1 } })
})

t.test('OP07: maxConnections of your own', async (t) => {
  const { clients } = await startEcho(t, { maxConnections: 2 })
  await clients.connect()
  await clients.connect()
  t.equal(await clients.statusOf('/'), 503)
  t.equal(resolved({ maxConnections: 5000 }).maxConnections, 5000)
})

t.test('OP08 HE03: pingInterval is milliseconds', async (t) => {
  const { clients } = await startEcho(t, { pingInterval: 20, pongTimeout: 60_000 })
  const client = await clients.raw()
  for (let ping = 0; ping < 3; ping++) t.equal((await client.nextControl()).opcode, RawOpcode.Ping)
  t.match(resolved({ pingIntervalMs: 7000 }).shard, { pingIntervalMs: 7000, livenessMs: 12_000 }, 'the canonical name')
  t.match(resolved({ pingInterval: 0 }).shard, { pingIntervalMs: 0, livenessMs: 0 })
})

t.test('OP09 HE03: pongTimeout counts from the ping', async (t) => {
  t.match(resolved({ pingInterval: 10_000, pongTimeout: 2000 }).shard, { livenessMs: 12_000 })
  const { app, clients } = await startEcho(t, { pingInterval: 40, pongTimeout: 80 })
  const disconnected = new Promise<unknown[]>((resolve) => {
    app.on('websocket:disconnect', (_socket, code, reason) => resolve([code, reason]))
  })
  const silent = await clients.raw()
  t.equal((await silent.nextControl()).opcode, RawOpcode.Ping)
  t.match(await silent.waitClosed(), { closeFrameSeen: false })
  t.same(await disconnected, [1006, 'liveness timeout'])
  t.equal(app.getWebSocketStats().timeouts.liveness, 1)
})

t.test('OP10: verifyClient, at once or later, before the 101', async (t) => {
  const { app, clients } = await startEcho(t, {
    verifyClient: (req) => {
      const { token } = req.headers
      if (token === 'throw') throw new Error('of verifyClient')
      if (token === 'later') return new Promise((resolve) => setImmediate(resolve, true))
      if (token === 'verdict') return { status: 402, headers: { 'X-Why': 'money' }, body: 'pay first' }
      if (token === 'user') return { user: 'ann' }
      return token === 'yes'
    },
  })
  app.ws('/user', (socket, req) => void socket.send(`${req.user} ${socket.data.user}`))
  for (const [token, status] of [
    ['yes', 101],
    ['later', 101],
    ['no', 401],
    ['throw', 500],
  ] as const) {
    t.equal(await clients.statusOf('/', { token }), status, token)
  }
  const refused = await clients.raw({ headers: { token: 'verdict' } })
  t.equal(refused.response.status, 402)
  t.same(refused.response.headers.get('x-why'), ['money'])
  await refused.waitClosed()
  t.equal(refused.body.toString(), 'pay first')
  t.equal(await (await clients.connect('/user', { token: 'user' })).nextText(), 'ann ann')
})

t.test('OP11 AU04: allowOrigins', async (t) => {
  const { clients } = await startEcho(t, { allowOrigins: ['https://myapp.com', 'https://staging.myapp.com'] })
  for (const [origin, status] of [
    ['https://myapp.com', 101],
    ['https://staging.myapp.com', 101],
    ['https://evil.com', 403],
    ['http://myapp.com', 403],
    ['https://myapp.com.evil.com', 403],
  ] as const) {
    t.equal(await clients.statusOf('/', { Origin: origin }), status, origin)
  }
  t.equal(await clients.statusOf('/'), 101, 'no browser')
  const strict = await startEcho(t, { allowOrigins: ['https://myapp.com'], requireOrigin: true })
  t.equal(await strict.clients.statusOf('/'), 403)
})

t.test('OP12: maxMessageSize, and one byte more', async (t) => {
  for (const [options, limit] of [
    [{}, MIB],
    [{ maxMessageSize: 2 * MIB }, 2 * MIB],
    [{ maxMessageSize: 10 }, 10],
    [{ maxPayload: 10 }, 10],
  ] as const) {
    const { clients } = await startEcho(t, { ...options, slowConsumer: 'buffer' })
    const client = await clients.connect()
    client.socket.send(Buffer.alloc(limit))
    t.equal((await client.next()).data.length, limit)
    client.socket.send(Buffer.alloc(limit + 1))
    t.equal((await client.closed).code, 1009)
  }
})

t.test('OP13: protocols: the first that the client offers and the list holds', async (t) => {
  const { clients } = await startEcho(t, { protocols: ['json', 'chat'] })
  for (const [offered, chosen] of [
    ['chat, json', ['chat']],
    ['x, json', ['json']],
    ['x', undefined],
  ] as const) {
    const client = await clients.raw({ headers: { 'Sec-WebSocket-Protocol': offered } })
    t.equal(client.response.status, 101)
    t.same(client.response.headers.get('sec-websocket-protocol'), chosen)
  }
})

t.test('OP14 OP17 CP04: compression and extensions', async (t) => {
  const agreed = async (options: WebSocketOptions): Promise<boolean> => {
    const { clients } = await startEcho(t, options)
    const client = await clients.raw({ headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } })
    return client.extensions?.startsWith('permessage-deflate') ?? false
  }
  t.equal(await agreed({}), false)
  t.equal(await agreed({ compression: true }), true)
  t.equal(await agreed({ compression: false }), false)
  t.equal(await agreed({ extensions: ['permessage-deflate'] }), true)
  t.equal(await agreed({ extensions: ['permessage-deflate'], compression: false }), false)
  t.equal(await agreed({ extensions: [], compression: true }), false, 'what is not on the list is not agreed on')
  for (const extensions of [['x-webkit-deflate-frame'], ['permessage-deflate', 'mux'], 'permessage-deflate']) {
    t.throws(() => appOptions({ extensions } as WebSocketOptions), {
      code: 'OPTION_INVALID',
      message: /^options\.extensions must be .*'permessage-deflate' is the only one/,
    })
  }
})

t.test('CP04: a compressed message goes there and back', async (t) => {
  const { clients, app } = await startEcho(t, { compression: true })
  const client = await clients.connect()
  client.socket.send('x'.repeat(5000))
  t.equal(await client.nextText(), 'x'.repeat(5000))
  t.ok(app.getWebSocketStats().compressionRatio > 0.9)
})

t.test('OP15: maxRooms of all shards together: a join that would make one more is false', async (t) => {
  const { app, clients, listen } = v1App(t, { shards: 2, maxRooms: 3 })
  app.ws('/', (socket) => {
    socket.onMessage((room) => socket.send(`${socket.join(String(room))}`))
  })
  await listen()
  const errors: unknown[] = []
  app.on('websocket:error', (error) => errors.push('code' in error && error.code))
  const [first, second] = [await clients.connect(), await clients.connect()]
  const join = async (client: typeof first, room: string): Promise<string> => {
    client.socket.send(room)
    return client.nextText()
  }
  for (const room of ['a', 'b']) t.equal(await join(first, room), 'true')
  t.equal(await join(second, 'c'), 'true')
  t.equal(await join(second, 'd'), 'false')
  t.equal(await join(second, 'a'), 'true', 'one that exists')
  t.match(app.getWebSocketStats(), { rooms: 3, refusedJoins: { maxRooms: 1 } })
  t.same(errors, ['ROOM_LIMIT'])
})

t.test('OP16 RO08: roomCleanupInterval is taken; a room goes with its last member', async (t) => {
  const { app, clients, listen } = v1App(t, { roomCleanupInterval: 300_000 })
  app.ws('/', (socket) => {
    socket.join('room')
    socket.onMessage(() => {
      socket.leave('room')
      socket.send(`${app.wsRooms.has('room')} ${app.getWebSocketStats().rooms}`)
    })
  })
  await listen()
  const client = await clients.connect()
  client.socket.send('leave')
  t.equal(await client.nextText(), 'false 0')
})

t.test('OP19 OP20: debug is logLevel debug, and a logger of your own', async (t) => {
  const lines: string[] = []
  t.capture(process.stderr, 'write', ((text: string) => lines.push(text)) as never)
  const linesOf = async (options: WebSocketOptions): Promise<number> => {
    lines.length = 0
    const { app, clients } = await startEcho(t, { maxMessageSize: 1, ...options })
    const client = await clients.connect()
    const disconnected = new Promise<void>((resolve) => app.on('websocket:disconnect', () => resolve()))
    client.socket.send('too long')
    await Promise.all([client.closed, disconnected])
    return lines.filter((line) => line.includes('error')).length
  }
  t.ok((await linesOf({ logLevel: 'debug' })) > 0)
  t.ok((await linesOf({ debug: true })) > 0)
  t.equal(await linesOf({ logLevel: 'error' }), 0)
  const logger = new RecordingLogger()
  t.equal(await linesOf({ logger }), 0)
  t.ok(logger.records.length > 0)
  t.throws(() => appOptions({ logLevel: 'trace' } as never), { code: 'OPTION_INVALID' })
})

t.test('F104: an unknown or mistyped option throws as the engine does', async (t) => {
  const app = new NextRushApp()
  for (const [options, message] of [
    [{ pingIntervall: 1 }, /options\.pingIntervall is unknown; did you mean options\.pingInterval\?/],
    [{ maxMesageSize: 1 }, /options\.maxMesageSize is unknown; did you mean options\.maxMessageSize\?/],
    [{ heartbeatMs: 1 }, /options\.heartbeatMs is unknown/],
    [{ maxPayloadd: 1 }, /did you mean options\.maxPayload\?/],
    [{ pingInterval: '1' }, /options\.pingInterval must be an integer/],
    [{ pongTimeout: 0 }, /options\.pongTimeout must be an integer from 1/],
    [{ maxMessageSize: 0 }, /options\.maxMessageSize must be an integer from 1/],
    [{ maxRooms: -1 }, /options\.maxRooms must be an integer/],
    [{ roomCleanupInterval: -1 }, /options\.roomCleanupInterval must be an integer/],
    [{ maxConnections: 'many' }, /options\.maxConnections must be an integer/],
    [{ maxMessageSize: 1, maxPayload: 1 }, /options\.maxMessageSize is another name of options\.maxPayload/],
    [{ pingInterval: 1, pingIntervalMs: 1 }, /options\.pingInterval is another name of options\.pingIntervalMs/],
    [{ pongTimeout: 1, livenessMs: 1 }, /options\.pongTimeout is another name of options\.livenessMs/],
    [null, /options must be an object/],
  ] as const) {
    t.throws(() => app.enableWebSocket(options as WebSocketOptions), { message }, String(message))
  }
  await app.close()
})
