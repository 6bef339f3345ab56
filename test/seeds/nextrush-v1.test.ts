/** Document 001, NextRush v1: the application, its sockets, requests, events and figures. Options have a file of their own. */
import { once } from 'node:events'
import { threadId } from 'node:worker_threads'
import t from 'tap'
import { NextRushApp } from '../../src/facades/nextrush.ts'
import { ShardwsError } from '../../src/index.ts'
import { Clients, v1App } from '../fixtures/nextrush-app.ts'

t.test('LC09 LC11 F101: enableWebSocket makes the engine, ws takes handlers of one argument and of two', async (t) => {
  const { app, clients, listen } = v1App(t, null)
  t.throws(() => app.getWebSocketStats(), { code: 'WEBSOCKET_NOT_ENABLED' })
  t.equal(app.enableWebSocket({ shards: 1, execArgv: [] }), app)
  t.equal(
    app.ws('/one', (socket) => void socket.send('one')),
    app,
  )
  app.ws('/two/:name', (socket, req) => void socket.send(`two ${req.params.name}`))
  app.get('/get', (req, res) => void res.json({ query: req.query }))
  app.post('/post', (req, res) => void res.json({ body: req.body }))
  app.put('/put/:id', (req, res) => void res.json({ id: req.params.id, body: req.body }))
  await listen()
  t.equal(await (await clients.connect('/one')).nextText(), 'one')
  t.equal(await (await clients.connect('/two/x')).nextText(), 'two x')
  t.same(await clients.json('/get?a=1'), { query: { a: '1' } })
  t.same(await clients.json('/post', { method: 'POST', body: { b: [2] } }), { body: { b: [2] } })
  t.same(await clients.json('/put/7', { method: 'PUT', body: {} }), { id: '7', body: {} })
  t.equal(await clients.statusOf('/nothing'), 404)
})

t.test('LC10 F101: the order is free, but ws before enableWebSocket names the fix', async (t) => {
  const { app, clients, listen } = v1App(t, null)
  for (const call of [
    () => app.ws('/chat', () => {}),
    () => app.wsUse((_socket, _req, next) => next()),
    () => app.wsBroadcast('x'),
    () => app.wsRooms,
    () => app.getWebSocketStats(),
  ]) {
    t.throws(call, { code: 'WEBSOCKET_NOT_ENABLED', message: /first call app\.enableWebSocket\(options\)/ })
  }
  await listen()
  t.equal((await fetch(`http://127.0.0.1:${clients.port}/chat`)).status, 404)
  app.enableWebSocket({ shards: 1, execArgv: [] })
  t.throws(() => app.enableWebSocket(), { code: 'ARGUMENT_INVALID', message: /enabled already/ })
  t.equal(await clients.statusOf('/chat'), 404, 'no path is taken before it has a handler')
  const others: unknown[] = []
  const leave = (request: { url?: string }, socket: { end(answer: string): void }): void => {
    others.push(request.url)
    socket.end('HTTP/1.1 418 Left\r\nConnection: close\r\n\r\n')
  }
  app.server.on('upgrade', leave)
  t.equal(await clients.statusOf('/foreign'), 418)
  t.same(others, ['/foreign'], 'the paths of others are left to them')
  app.server.off('upgrade', leave)
  app.ws('/chat', (socket) => void socket.send('enabled while it listens'))
  t.equal(await (await clients.connect('/chat')).nextText(), 'enabled while it listens')
  t.throws(() => app.ws('/chat', () => {}), { code: 'ARGUMENT_INVALID', message: /'\/chat' has a handler already/ })
  t.throws(() => app.ws('chat', () => {}), { code: 'ARGUMENT_INVALID' })
  t.throws(() => app.ws('/handler', 'x' as never), { code: 'ARGUMENT_INVALID' })
  t.throws(() => app.wsUse('x' as never), { code: 'ARGUMENT_INVALID' })
})

t.test('LC12: listen takes a port, a host and a callback, and is a promise; port 0 is a free one', async (t) => {
  const { app } = v1App(t)
  t.equal(app.address(), null)
  const called: string[] = []
  const address = await app.listen(0, '127.0.0.1', () => called.push('called'))
  t.same(called, ['called'])
  t.same(app.address(), address)
  t.ok(address.port > 0)
  await t.rejects(app.listen(0), { code: 'ALREADY_LISTENING' })
  const other = new NextRushApp()
  await t.rejects(other.listen(address.port, '127.0.0.1'), { code: 'EADDRINUSE' })
  await other.listen(0, () => called.push('without a host'))
  t.same(called, ['called', 'without a host'])
  await other.close()
})

t.test('F102 LC13 CO07: the socket of ws, with properties of your own', async (t) => {
  const { app, clients, listen } = v1App(t)
  const told: unknown[] = []
  app.ws('/chat/:roomId', (socket, req) => {
    socket.roomId = req.params.roomId
    socket.metadata = { messageCount: 0 }
    socket.on('message', (data) => {
      const { messageCount } = socket.metadata as { messageCount: number }
      socket.metadata.messageCount = messageCount + 1
      if (data === 'close') socket.close(1000, 'Connection timeout')
      else if (socket.readyState === socket.OPEN) told.push(socket.send(`Echo: ${data} in ${socket.roomId}`))
    })
    socket.once('close', (code, reason) => {
      told.push([code, reason, socket.metadata, socket.readyState === socket.OPEN, socket.send('too late')])
    })
    socket.ping()
  })
  await listen()
  const client = await clients.connect('/chat/lobby')
  await once(client.socket, 'ping')
  client.socket.send('hello')
  t.equal(await client.nextText(), 'Echo: hello in lobby')
  client.socket.send('close')
  t.same(await client.closed, { code: 1000, reason: 'Connection timeout' })
  while (told.length < 2) await new Promise(setImmediate)
  t.same(told, [true, [1000, 'Connection timeout', { messageCount: 2 }, false, false]])
})

for (const [name, options] of [
  ['on main', { shards: 0 }],
  ['in a shard', { shards: 1 }],
  ['relayed', { shards: 1, handoff: 'relay' }],
] as const) {
  t.test(`F103 CO14 AU03: the request, ${name}`, async (t) => {
    const { app, clients, listen } = v1App(t, { ...options, verifyClient: () => ({ user: { id: 1 } }) })
    const middleware: unknown[] = []
    app.wsUse((socket, req, next) => {
      middleware.push(req.user, socket.user)
      req.user = { id: 2 }
      next()
    })
    app.ws('/rooms/:roomId', async (socket, req) => {
      const { params, query, ip, path, url, method } = req
      const before = [req.user, socket.user, socket.data.user]
      req.user = { id: 3 }
      await new Promise(setImmediate)
      const { remoteAddress } = req.socket
      const { authorization } = req.headers
      const after = [req.user, socket.user, socket.data.user]
      const told = { params, query, ip, path, url, method, remoteAddress, authorization, before, after }
      socket.send(JSON.stringify(told))
    })
    await listen()
    const client = await clients.connect('/rooms/a%20b?userId=7', { Authorization: 'Bearer x' })
    t.same(await client.nextJson(), {
      params: { roomId: 'a b' },
      query: { userId: '7' },
      ip: '127.0.0.1',
      path: '/rooms/a%20b',
      url: '/rooms/a%20b?userId=7',
      method: 'GET',
      remoteAddress: '127.0.0.1',
      authorization: 'Bearer x',
      before: [{ id: 2 }, { id: 2 }, { id: 2 }],
      after: [{ id: 3 }, { id: 3 }, { id: 3 }],
    })
    t.same(middleware, [{ id: 1 }, { id: 1 }])
  })
}

t.test('EV10 EV11: websocket:connection comes before the handler, websocket:disconnect is the last', async (t) => {
  const { app, clients, listen } = v1App(t)
  const told: unknown[] = []
  app.on('websocket:connection', (socket, req) => {
    socket.name = req.query.name
    told.push(['connection', req.path, req.headers.host === `127.0.0.1:${clients.port}`])
  })
  app.on('websocket:disconnect', (socket, code, reason) => told.push(['disconnect', socket.name, code, reason]))
  app.ws('/chat', (socket) => {
    told.push(['handler', socket.name])
    socket.send('open')
  })
  await listen()
  const client = await clients.connect('/chat?name=ann')
  await client.nextText()
  const disconnected = once(app, 'websocket:disconnect')
  await client.close(4000, 'bye')
  await disconnected
  t.same(told, [
    ['connection', '/chat', true],
    ['handler', 'ann'],
    ['disconnect', 'ann', 4000, 'bye'],
  ])
})

t.test('EV12: websocket:error has the error first, then the socket', async (t) => {
  const { app, clients, listen } = v1App(t, { maxMessageSize: 10 })
  app.ws('/chat', (socket) => {
    socket.name = 'ann'
    socket.on('message', () => {
      throw new Error('of the handler')
    })
  })
  await listen()
  const told: [Error, unknown][] = []
  app.on('websocket:error', (error, socket) => told.push([error, socket?.name]))
  const client = await clients.connect('/chat')
  client.socket.send('x')
  await once(app, 'websocket:error')
  client.socket.send('longer than that')
  await once(app, 'websocket:error')
  t.equal((await client.closed).code, 1009)
  t.match(told, [
    [{ message: 'of the handler' }, 'ann'],
    [{ code: 'MESSAGE_TOO_BIG' }, 'ann'],
  ])
  t.ok(told[1]?.[0] instanceof ShardwsError)

  const failing = once(app, 'websocket:error')
  app.once('websocket:connection', async () => {
    throw new Error('of a listener')
  })
  await clients.connect('/chat')
  t.match(await failing, [{ message: 'of a listener' }, {}])
})

t.test('EV12: errors that nobody hears are logged, also when somebody has stopped listening', async (t) => {
  const logged: string[] = []
  const log = (_details: object, message: string): void => void logged.push(message)
  const ignore = (): void => {}
  const logger = { error: log, warn: ignore, info: ignore, debug: log }
  const { app, clients, listen } = v1App(t, { logger })
  app.ws('/chat', (socket) => {
    socket.send('about to fail')
    throw new Error('of the handler')
  })
  await listen()
  const listener = (): void => {}
  app.on('websocket:error', listener)
  await (await clients.connect('/chat')).nextText()
  t.notOk(logged.includes('error'), 'it was heard')
  app.off('websocket:error', listener)
  await (await clients.connect('/chat')).nextText()
  t.ok(logged.includes('error'))
})

t.test('EV08: ping and pong of a socket, with their data', async (t) => {
  const { app, clients, listen } = v1App(t, { pingInterval: 0 })
  app.ws('/', (socket) => {
    socket.on('ping', (data) => socket.send(`ping ${data}`))
    socket.on('pong', (data) => socket.send(`pong ${data}`))
    socket.ping('from the server')
  })
  await listen()
  const client = await clients.connect()
  t.equal(await client.nextText(), 'pong from the server')
  client.socket.ping('from the client')
  t.equal(await client.nextText(), 'ping from the client')
})

t.test('ME15: reconnections counts those who come back with a valid resume token', async (t) => {
  const { app, clients, listen } = v1App(t, { sessions: true })
  app.ws('/chat', (socket) => void socket.onMessage((room) => socket.join(String(room))))
  app.get('/stats', (_req, res) => void res.json(app.getWebSocketStats()))
  await listen()
  const connect = (token: string) =>
    clients.raw({ path: '/chat', headers: { 'Sec-WebSocket-Protocol': `shardws.session, shardws.resume.${token}` } })
  const greet = async (token: string) => JSON.parse(`${(await (await connect(token)).nextMessage()).payload}`)
  const first = await connect('guessed')
  const { token, recovered } = JSON.parse(`${(await first.nextMessage()).payload}`)
  t.equal(recovered, false)
  t.match(await clients.json('/stats'), { reconnections: 0, totalConnections: 1 })
  const disconnected = once(app, 'websocket:disconnect')
  first.destroy()
  await disconnected
  t.match(await greet(token), { type: 'session', recovered: true })
  t.match(await greet(token), { type: 'session', recovered: false }, 'which it is no more')
  t.match(await clients.json('/stats'), { reconnections: 1, totalConnections: 3 })
})

t.test('ME07 ME08 ME09 ME10 ME11 ME12 ME13 ME14: getWebSocketStats', async (t) => {
  const { app, clients, listen } = v1App(t)
  app.ws('/chat', (socket) => {
    socket.join('room')
    socket.onMessage((message) => {
      if (message === 'throw') throw new Error('of the handler')
      socket.send(`${message}${message}`)
    })
  })
  app.get('/stats', (_req, res) => void res.json(app.getWebSocketStats()))
  await listen()
  const [first, second] = [await clients.connect('/chat'), await clients.connect('/chat')]
  const startMs = app.getWebSocketStats().uptime
  for (const client of [first, second]) {
    client.socket.send('abc')
    await client.nextText()
  }
  const failed = once(app, 'websocket:error')
  first.socket.send('throw')
  await failed
  const disconnected = once(app, 'websocket:disconnect')
  await first.close()
  await disconnected
  t.match(await clients.json('/stats'), {
    connections: 1,
    totalConnections: 2,
    messagesReceived: 3,
    messagesSent: 2,
    bytesReceived: 3 + 3 + 5,
    bytesSent: 6 + 6,
    rooms: 1,
    errors: { protocol: 0, transport: 0, handler: 1 },
  })
  const { uptime } = app.getWebSocketStats()
  t.ok(uptime > startMs && uptime < 60_000, 'in milliseconds')
})

t.test("F105 RO02: the document's RoomManager, closures and maps of sockets, on main", async (t) => {
  const { app, clients, listen } = v1App(t, { shards: 2 })
  const rooms = new Map<string, Set<{ send(data: string): boolean; readyState: number; OPEN: number }>>()
  app.ws('/chat/:roomId', (socket, req) => {
    const { roomId } = req.params
    const room = rooms.get(roomId) ?? new Set()
    rooms.set(roomId, room.add(socket))
    socket.send(JSON.stringify({ type: 'room-info', roomId, userCount: room.size }))
    socket.on('message', (data) => {
      for (const member of room) if (member !== socket && member.readyState === member.OPEN) member.send(String(data))
    })
    socket.on('close', () => {
      room.delete(socket)
      if (room.size === 0) rooms.delete(roomId)
    })
  })
  await listen()
  const inRoom = await Promise.all([1, 2, 3].map(() => clients.connect('/chat/a')))
  const counts = await Promise.all(inRoom.map((client) => client.nextJson()))
  t.same(counts.map(({ userCount }) => userCount).sort(), [1, 2, 3])
  const outside = await clients.connect('/chat/b')
  await outside.nextJson()
  const [speaker, ...others] = inRoom
  speaker?.socket.send('hello')
  for (const client of others) t.equal(await client.nextText(), 'hello')
  t.same([...(speaker?.unread() ?? []), ...outside.unread()], [])
  await Promise.all([...inRoom, outside].map((client) => client.close()))
  while (rooms.size > 0) await new Promise(setImmediate)
})

t.test('F105: a module that every shard loads, beside handlers on main', async (t) => {
  const { app, clients, listen } = v1App(t, { shards: 2 })
  const module = new URL('../fixtures/handlers/thread.handler.js', import.meta.url)
  const connected: unknown[] = []
  app.on('websocket:connection', (_socket, req) => connected.push(req.path))
  app.wsUse((_socket, req, next) => {
    connected.push(`middleware on thread ${threadId}, ${req.query.as}`)
    next()
  })
  app.ws('/shards/:name', module)
  app.ws('/main', (socket) => void socket.send(`on thread ${threadId}`))
  t.throws(() => app.ws('/shards/:name', () => {}), { code: 'ARGUMENT_INVALID', message: /has a handler already/ })
  t.throws(() => app.ws('/main', module), { code: 'ARGUMENT_INVALID', message: /has a handler already/ })
  await listen()
  const threads = new Set<string>()
  const all = await Promise.all(['a', 'b'].map((name) => clients.connect(`/shards/${name}?as=x`)))
  for (const client of all) threads.add(await client.nextText())
  t.equal(threads.size, 2)
  t.notOk(threads.has(`on thread ${threadId}`))
  t.equal(await (await clients.connect('/main?as=y')).nextText(), `on thread ${threadId}`)
  for (const [index, client] of all.entries()) {
    client.socket.send('hello')
    t.equal(await client.nextText(), `hello ${'ab'[index]}`)
  }
  app.wsBroadcast('to the room', 'everybody')
  for (const client of all) t.equal(await client.nextText(), 'to the room')
  t.same(connected.sort(), [
    '/main',
    '/shards/a',
    '/shards/b',
    `middleware on thread ${threadId}, x`,
    `middleware on thread ${threadId}, x`,
    `middleware on thread ${threadId}, y`,
  ])
})

t.test('an application without WebSocket closes too', async () => {
  const app = new NextRushApp()
  const clients = new Clients()
  app.get('/', (_req, res) => void res.json(1))
  clients.port = (await app.listen(0, '127.0.0.1')).port
  await clients.json('/')
  await app.close()
})
