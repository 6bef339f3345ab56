/** Documents 002 and 003, NextRush v2: the plugin, what it adds to an application, and its figures. Options have a file of their own. */
import { EventEmitter, once } from 'node:events'
import express from 'express'
import t from 'tap'
import {
  createApp,
  hasWebSocketSupport,
  type WebSocketApplication,
  WebSocketPlugin,
  type WSConnection,
  type WSHandler,
  withWebSocket,
} from '../../src/facades/nextrush.ts'
import * as v2 from '../../src/facades/nextrush-v2.ts'
import { testPlugin, v2App } from '../fixtures/nextrush-app.ts'

t.test('LC15 F201 F208: the plugin and its functions, under both names', async (t) => {
  t.equal(v2.createApp, createApp)
  t.equal(v2.withWebSocket, withWebSocket)
  t.equal(v2.hasWebSocketSupport, hasWebSocketSupport)
  t.ok(new v2.WebSocketPlugin() instanceof WebSocketPlugin)
  const resolved = {
    '.': await import('shardws/nextrush'),
    v2: await import('shardws/nextrush-v2'),
  }
  t.equal(resolved['.'].createApp, createApp)
  t.equal(resolved.v2.WebSocketPlugin, v2.WebSocketPlugin)
})

t.test('LC16 LC17 LC18 F207: what install adds, and what says that it is missing', async (t) => {
  const app = createApp()
  t.equal(hasWebSocketSupport(app), false)
  t.throws(() => withWebSocket(app), {
    code: 'WEBSOCKET_NOT_ENABLED',
    message: /first call new WebSocketPlugin\(options\)\.install\(app\)/,
  })
  t.throws(() => app.ws('/x', () => {}), { code: 'WEBSOCKET_NOT_ENABLED' })
  t.throws(() => app.wsUse(() => {}), { code: 'WEBSOCKET_NOT_ENABLED' })
  t.throws(() => app.wsBroadcast('x'), { code: 'WEBSOCKET_NOT_ENABLED' })
  const plugin = testPlugin()
  t.throws(() => plugin.getStats(), { code: 'WEBSOCKET_NOT_ENABLED', message: /plugin\.install\(app\)/ })
  t.equal(plugin.install(app), plugin)
  t.teardown(() => plugin.close())
  t.equal(hasWebSocketSupport(app), true)
  const wsApp: WebSocketApplication = withWebSocket(app)
  t.equal(wsApp, app)
  t.throws(() => testPlugin().install(app), { code: 'ARGUMENT_INVALID', message: /installed on it already/ })

  const other = express()
  t.notOk('ws' in other)
  plugin.install(other)
  for (const name of ['ws', 'wsUse', 'wsBroadcast']) t.type(Reflect.get(other, name), 'function', name)
  t.equal(hasWebSocketSupport(other), true)
})

t.test('LC19 F203: ws, wsUse and wsBroadcast return the application; a handler gets the request too', async (t) => {
  const { app, clients, listen } = v2App(t)
  const oneArgument: WSHandler = (socket: WSConnection) => void socket.send('one')
  app
    .wsUse((_socket, _req, next) => next())
    .ws('/one', oneArgument)
    .ws('/two', async (socket, req) => void socket.send(`two ${req.query.userId} ${req.headers['x-role']}`))
    .wsBroadcast('to nobody')
    .get('/page', (ctx) => ctx.res.json('page'))
  await listen()
  t.equal(await (await clients.connect('/one')).nextText(), 'one')
  t.equal(await (await clients.connect('/two?userId=7', { 'X-Role': 'admin' })).nextText(), 'two 7 admin')
  t.equal(await clients.json('/page'), 'page')
})

t.test('LC22: listen with a callback', async (t) => {
  const { app } = v2App(t)
  const called: number[] = []
  await app.listen(0, () => called.push(app.address()?.port ?? 0))
  t.equal(called.length, 1)
  t.ok((called[0] ?? 0) > 0)
})

t.test("CO15 CO16 CO17 CO18 CO21 CO28 CO29 CO30: the connection's members", async (t) => {
  const { app, clients, listen } = v2App(t)
  app.ws('/chat/:room', async (socket) => {
    const { id, url, isAlive, readyState, lastPong } = socket
    const joined = [socket.join('a'), socket.join('b'), socket.join('a')]
    const rooms = [...socket.rooms]
    const left = [socket.leave('a'), socket.leave('a')]
    socket.markAlive()
    const types = [typeof id, typeof lastPong]
    socket.send(JSON.stringify({ types, url, isAlive, readyState, joined, rooms, left, after: [...socket.rooms] }))
  })
  await listen()
  const client = await clients.connect('/chat/x?y=1')
  t.same(await client.nextJson(), {
    types: ['string', 'number'],
    url: '/chat/x?y=1',
    isAlive: true,
    readyState: 1,
    joined: [true, true, true],
    rooms: ['a', 'b'],
    left: [true, false],
    after: ['b'],
  })
})

t.test('RO19 RO21 RO23: wsBroadcast to a room or to everybody, text and bytes, the sender too', async (t) => {
  const { app, clients, listen } = v2App(t, { shards: 2 })
  app.ws('/chat', (socket, req) => {
    if (req.query.room !== undefined) socket.join(req.query.room)
    socket.onMessage((message) => void app.wsBroadcast(message, 'general'))
    socket.send('open')
  })
  app.post('/admin/broadcast', async (ctx) => {
    const { message, room } = ctx.body as { message: string; room?: string }
    app.wsBroadcast(JSON.stringify({ type: 'admin', message }), room)
    ctx.res.json({ success: true })
  })
  await listen()
  const paths = ['/chat?room=general', '/chat?room=general', '/chat']
  const all = await Promise.all(paths.map((path) => clients.connect(path)))
  for (const client of all) t.equal(await client.nextText(), 'open')
  const [sender, member, outside] = all as [(typeof all)[0], (typeof all)[0], (typeof all)[0]]
  sender.socket.send('hello')
  for (const client of [sender, member]) t.equal(await client.nextText(), 'hello')
  member.socket.send(Buffer.from([1, 2]))
  for (const client of [sender, member]) t.same(await client.next(), { data: Buffer.from([1, 2]), isBinary: true })
  const post = (body: object) => clients.json('/admin/broadcast', { method: 'POST', body })
  t.same(await post({ message: 'to the room', room: 'general' }), { success: true })
  for (const client of [sender, member]) t.same(await client.nextJson(), { type: 'admin', message: 'to the room' })
  await post({ message: 'to all' })
  for (const client of all) t.same(await client.nextJson(), { type: 'admin', message: 'to all' })
  t.same(outside.unread(), [])
  t.throws(() => app.wsBroadcast({} as never), { code: 'ARGUMENT_INVALID' })
  t.throws(() => app.wsBroadcast('x', ''), { code: 'ARGUMENT_INVALID' })
})

t.test('CO26 RO21: socket.broadcast reaches the room but not itself, also from onClose', async (t) => {
  const { app, clients, listen } = v2App(t, { shards: 2 })
  app.ws('/chat', (socket) => {
    socket.join('general')
    socket.send('open')
    socket.onMessage((message) => socket.broadcast('general', message))
    socket.onClose(() => socket.broadcast('general', JSON.stringify({ type: 'user_left', userId: socket.id })))
  })
  await listen()
  const [speaker, listener] = [await clients.connect('/chat'), await clients.connect('/chat')]
  for (const client of [speaker, listener]) t.equal(await client.nextText(), 'open')
  speaker.socket.send('hello')
  t.equal(await listener.nextText(), 'hello')
  t.same(speaker.unread(), [])
  await speaker.close()
  t.match(await listener.nextJson(), { type: 'user_left', userId: String })
})

t.test('RO20 F205: wsRooms, from HTTP middleware and from the plugin', async (t) => {
  const { app, clients, plugin, listen } = v2App(t, { shards: 2 })
  app.use(async (ctx, next) => {
    if (!ctx.isWebSocket) ctx.wsRooms.broadcast('notifications', JSON.stringify({ type: 'http_event', path: ctx.path }))
    await next()
  })
  app.get('/anything', (ctx) => ctx.res.json('done'))
  app.ws('/notifications', (socket) => {
    socket.join('notifications')
    socket.send(socket.id)
  })
  await listen()
  const client = await clients.connect('/notifications')
  const id = await client.nextText()
  await clients.json('/anything')
  t.same(await client.nextJson(), { type: 'http_event', path: '/anything' })
  const { rooms } = plugin
  t.equal(rooms.join(id, 'late'), true)
  t.equal(rooms.join('nobody', 'late'), false)
  t.equal(rooms.broadcast('late', 'by the plugin'), true)
  t.equal(await client.nextText(), 'by the plugin')
  t.same([rooms.size('late'), rooms.has('late'), rooms.has('none')], [1, true, false])
  t.strictSame({ ...(await rooms.list()) }, { notifications: 1, late: 1 })
  const socket = plugin.server.getConnection(id)
  if (socket === undefined) throw new Error('it is there')
  t.equal(rooms.leave(socket, 'late'), true)
  t.equal(rooms.leave(socket, 'late'), false)
})

t.test('F204: the context of HTTP', async (t) => {
  const { app, clients, listen } = v2App(t)
  app.use('/api', async (ctx, next) => {
    ctx.state.begun = true
    await next()
  })
  app.post('/api/:id', async (ctx) => {
    await new Promise(setImmediate)
    const { method, url, path, params, query, body, state, isWebSocket, ws } = ctx
    const agent = ctx.headers['x-agent']
    ctx.res.json({ method, url, path, params, query, body, state, agent, isWebSocket, ws: ws ?? null, ip: ctx.ip })
  })
  await listen()
  t.same(await clients.json('/api/7?a=b', { method: 'POST', body: { x: 1 } }), {
    method: 'POST',
    url: '/api/7?a=b',
    path: '/api/7',
    params: { id: '7' },
    query: { a: 'b' },
    body: { x: 1 },
    state: { begun: true },
    isWebSocket: false,
    ws: null,
    ip: '127.0.0.1',
  })
})

t.test('F204: next waits for the next handler, and what a handler throws is a 500', async (t) => {
  const { app, clients, listen } = v2App(t)
  const told: string[] = []
  app.express.set('env', 'test')
  app.use(async (ctx, next) => {
    told.push(`in ${ctx.path}`)
    await next()
    told.push(`out ${ctx.res.statusCode}`)
  })
  app.get('/slow', async (ctx) => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    told.push('handled')
    ctx.res.status(201).json({})
  })
  app.get('/throw', () => {
    throw new Error('of the handler')
  })
  app.all('/reject', async () => {
    throw new Error('of the handler')
  })
  await listen()
  const statusOf = async (path: string): Promise<number> =>
    (await fetch(`http://127.0.0.1:${clients.port}${path}`)).status
  t.equal(await statusOf('/slow'), 201)
  t.same(told, ['in /slow', 'handled', 'out 201'])
  for (const path of ['/throw', '/reject']) t.equal(await statusOf(path), 500)
  t.equal(await statusOf('/nothing'), 404)
})

t.test('F204: middleware sees an upgrade, its connection after next, and cannot stop it', async (t) => {
  const { app, clients, listen } = v2App(t)
  const told: unknown[] = []
  const tellers = new EventEmitter()
  const passed = once(tellers, 'done')
  app.use(async (ctx, next) => {
    told.push([ctx.path, ctx.isWebSocket, ctx.ws])
    await next()
    told.push([ctx.path, ctx.isWebSocket, ctx.ws?.id])
    tellers.emit('done')
  })
  let ids: string[] = []
  app.ws('/chat', (socket, req) => {
    ids = [socket.id]
    socket.send(`${req.path} ${req.query.a} ${req.ip}`)
  })
  await listen()
  const client = await clients.connect('/chat?a=1')
  t.equal(await client.nextText(), '/chat 1 127.0.0.1')
  await passed
  t.same(told, [
    ['/chat', true, undefined],
    ['/chat', true, ids[0]],
  ])
  app.use((ctx) => ctx.res.status(404).json('nobody has answered this'))
  t.equal(await (await clients.connect('/chat?a=2')).nextText(), '/chat 2 127.0.0.1')
  t.equal(await clients.json('/chat'), 'nobody has answered this')
})

t.test(
  'ME09 ME11 ME19 ME20 F201: getStats has the names of both documents; rooms is a number with a length',
  async (t) => {
    const { app, clients, plugin, listen } = v2App(t)
    app.ws('/chat', (socket) => {
      socket.join('a')
      socket.join('b')
      socket.onMessage((message) => socket.send(message))
    })
    app.get('/ws/health', (ctx) => ctx.res.json({ totalRooms: plugin.getStats().rooms }))
    await listen()
    const [first, second] = [await clients.connect('/chat'), await clients.connect('/chat')]
    first.socket.send('x')
    await first.nextText()
    await second.close()
    while (plugin.getStats().connections !== 1) await new Promise(setImmediate)
    const stats = plugin.getStats()
    t.match(stats, { connections: 1, totalConnections: 2, messagesSent: 1, messagesReceived: 1 })
    t.equal(stats.rooms.length, 2)
    t.equal(stats.rooms + 0, 2)
    t.equal(`${stats.rooms}`, '2')
    t.ok(stats.rooms > 1 && stats.rooms < 3)
    t.same(await clients.json('/ws/health'), { totalRooms: 2 })
  },
)
