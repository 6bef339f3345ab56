/** Messages from HTTP to everybody or to a room, at /ws?room=: `node dist/examples/nextrush/admin-broadcast.js` */
import { createApp, WebSocketPlugin, withWebSocket } from '../../src/facades/nextrush.ts'
import { serve } from './serve.ts'
import { isAdmin, printTokens } from './tokens.ts'

const app = createApp()
new WebSocketPlugin({ path: '/ws' }).install(app)
const wsApp = withWebSocket(app)

// Who watches hears of every request but its own.
app.use(async (ctx, next) => {
  if (!ctx.isWebSocket) {
    const event = { type: 'http_event', path: ctx.path, timestamp: Date.now() }
    ctx.wsRooms.broadcast('notifications', JSON.stringify(event))
  }
  await next()
})

wsApp.ws('/ws', (socket, req) => {
  const { room } = req.query
  if (room !== undefined && room !== '') socket.join(room)
  socket.send('welcome')
})

app.use('/admin', async (ctx, next) => {
  if (ctx.isWebSocket || (await isAdmin(ctx.headers.authorization))) await next()
  else ctx.res.status(403).json({ success: false })
})

app.post('/admin/broadcast', (ctx) => {
  const { message, room } = (ctx.body ?? {}) as { message?: unknown; room?: string }
  wsApp.wsBroadcast(JSON.stringify({ type: 'admin', message, timestamp: Date.now() }), room)
  ctx.res.json({ success: true })
})

app.post('/admin/maintenance', (ctx) => {
  wsApp.wsBroadcast(JSON.stringify({ type: 'announcement', message: 'Server maintenance in 5 minutes' }))
  ctx.res.json({ success: true })
})

app.post('/admin/score', (ctx) => {
  wsApp.wsBroadcast(JSON.stringify({ type: 'update', data: ctx.body }), 'game:123')
  ctx.res.json({ success: true })
})

await printTokens()
await serve(app)
