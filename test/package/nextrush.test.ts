/** `shardws/nextrush` as a user gets it: with Express installed or not, and in TypeScript. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { installPackage, runInstalled } from '../fixtures/installed-package.ts'
import { REPOSITORY } from '../fixtures/repository.ts'
import { typeCheck } from '../fixtures/type-check.ts'

const folder = mkdtempSync(join(tmpdir(), 'shardws-nextrush-'))
t.teardown(() => rmSync(folder, { recursive: true }))
const { project, files } = installPackage(folder, ['ws', '@types/node', '@types/express'])

t.test('LC21: without Express it loads, serves an http.Server, and its applications say what to install', async (t) => {
  const script = `
    import { once } from 'node:events'
    import { createServer } from 'node:http'
    import { createApp, NextRushApp, WebSocketPlugin } from 'shardws/nextrush'
    import { WebSocket } from 'ws'
    for (const make of [createApp, () => new NextRushApp()]) {
      try { make() } catch ({ code, message }) { console.log(code, message) }
    }
    const server = createServer()
    new WebSocketPlugin({ shards: 1 }).install(server)
    server.ws('/echo', (socket) => socket.onMessage((message) => socket.send(message)))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const client = new WebSocket('ws://127.0.0.1:' + server.address().port + '/echo')
    await once(client, 'open')
    client.send('hello')
    const [message] = await once(client, 'message')
    console.log(String(message))
    client.close()
    await once(client, 'close')
    server.close()`
  const stdout = await runInstalled(project, 'without-express.js', script)
  const missing = 'EXPRESS_MISSING Express is not installed: npm install express\n'
  t.equal(stdout, `${missing}${missing}hello\n`, 'and the process ends with its HTTP server')
})

/** As documents 002 and 003 write it. */
const AS_WRITTEN = `
import type { IncomingMessage } from 'node:http'
import { createApp, hasWebSocketSupport, NextRushApp, WebSocketPlugin, withWebSocket } from 'shardws/nextrush'
import type { WebSocketApplication, WebSocketPluginOptions, WSConnection, WSContext, WSHandler, WSMiddleware, WSRoomManager } from 'shardws/nextrush'

const options: WebSocketPluginOptions = {
  path: ['/ws', '/chat/*'],
  maxConnections: 1000,
  allowOrigins: ['https://myapp.com', /trusted/],
  verifyClient: async (req): Promise<boolean> => !!req.headers.authorization,
}
const chatHandler: WSHandler = (socket: WSConnection) => {
  socket.join('general')
  socket.onMessage((data: string | Buffer) => {
    socket.send('Echo: ' + data.toString())
  })
  socket.onClose((code: number, reason: string) => console.log(code, reason))
}
const authMiddleware: WSMiddleware = (socket: WSConnection, req: IncomingMessage, next: () => void) => {
  const token = new URL(req.url || '', 'http://localhost').searchParams.get('token')
  if (token) next()
  else socket.close(1008, 'Authentication required')
}
const app = createApp()
const wsPlugin = new WebSocketPlugin(options)
wsPlugin.install(app)
const wsApp: WebSocketApplication = withWebSocket(app)
wsApp.ws('/chat', chatHandler)
wsApp.wsUse(authMiddleware)
wsApp.ws('/chat/:room', chatHandler).wsBroadcast('x').wsBroadcast(Buffer.from('x'), 'general')
wsApp.ws('/games/:gameId/players/:playerId', (socket, req) => socket.send(req.params.gameId + req.params.playerId))
app.ws('/direct', (socket) => {
  const rooms: ReadonlySet<string> = socket.rooms
  socket.send(String(rooms.size + socket.readyState + socket.lastPong) + socket.url + socket.id + socket.isAlive)
})
if (hasWebSocketSupport(app)) app.ws('/conditional', chatHandler)
app.use(async (ctx, next) => {
  const wsCtx = ctx as WSContext
  const rooms: WSRoomManager = wsCtx.wsRooms
  if (wsCtx.isWebSocket) rooms.broadcast('notifications', JSON.stringify({ path: ctx.path }))
  await next()
})
app.post('/admin/broadcast', async (ctx) => {
  const { message, room } = ctx.body as { message: string; room: string }
  app.wsBroadcast(message, room)
  ctx.res.json({ success: true, active: wsPlugin.getStats().totalConnections, rooms: wsPlugin.getStats().rooms.length })
})
app.listen(3000, () => console.log('listening'))

const v1 = new NextRushApp()
v1.enableWebSocket({ maxConnections: 1000, pingInterval: 30000, pongTimeout: 5000, maxMessageSize: 1024 * 1024, maxRooms: 10 })
v1.ws('/rooms/:roomId', (socket, req) => {
  socket.roomId = req.params.roomId
  socket.metadata = { ip: req.ip, agent: req.headers['user-agent'] }
  socket.on('message', (data) => socket.send('Echo: ' + data))
})
v1.on('websocket:error', (error, socket) => console.error(error.message, socket?.id))
v1.get('/stats', (req, res) => void res.json(v1.getWebSocketStats()))
`

const MISTAKES = `
import { createApp, NextRushApp } from 'shardws/nextrush'
createApp().ws('/rooms/:room', (socket, req) => { socket.send(req.params.romo) })
new NextRushApp().enableWebSocket({ pingIntervall: 1 })
createApp().ws('/x', (socket) => { socket.sned('x') })
`

t.test('EX24 F202 F207 LC17: what the documents write in TypeScript compiles, and mistakes do not', async (t) => {
  const stdout = await typeCheck(project, { 'as-written.ts': AS_WRITTEN, 'mistakes.ts': MISTAKES })
  const errors: string[] = stdout.split('\n').filter((line: string) => /^\S/.test(line))
  t.match(errors, [/^mistakes\.ts\(3,.*romo/, /^mistakes\.ts\(4,.*pingIntervall/, /^mistakes\.ts\(5,.*sned/])
  t.equal(errors.length, 3)
})

t.test('LC14 LC21: few, named runtime dependencies, nothing to compile, no script at install', async (t) => {
  const manifest = JSON.parse(readFileSync(new URL('package.json', REPOSITORY), 'utf8'))
  t.same(Object.keys(manifest.dependencies).sort(), ['find-my-way', 'msgpackr', 'piscina'])
  for (const name of ['preinstall', 'install', 'postinstall']) t.notOk(name in manifest.scripts, name)
  t.same(
    files.filter((path) => /\.(node|gyp|cc?|cpp|h)$/.test(path)),
    [],
  )
})
