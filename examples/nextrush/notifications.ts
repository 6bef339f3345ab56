/** Notifications for a user, kept for who is away, at /notifications?userId=: `node dist/examples/nextrush/notifications.js` */
import { createApp, WebSocketPlugin, withWebSocket } from '../../src/facades/nextrush.ts'
import { textWithin } from './json.ts'
import { serve } from './serve.ts'

/** Of one user; the oldest give way. */
const MOST_PENDING = 100

const app = createApp()
const wsPlugin = new WebSocketPlugin({ path: '/notifications' }).install(app)
const wsApp = withWebSocket(app)
const pending = new Map<string, string[]>()

wsApp.ws('/notifications', (socket, req) => {
  const { userId } = req.query
  if (userId === undefined || userId === '') return socket.close(1008, 'User ID required')
  for (const notification of pending.get(userId) ?? []) socket.send(notification)
  pending.delete(userId)
  socket.join(`user:${userId}`)
})

app.post('/api/notify/:userId', (ctx) => {
  const userId = String(ctx.params.userId)
  const { message: given } = (ctx.body ?? {}) as { message?: unknown }
  const message = textWithin(given, 1000)
  if (message === null) return ctx.res.status(400).json({ error: 'A message is missing' })
  const notification = JSON.stringify({ type: 'notification', message, timestamp: Date.now() })
  const isOnline = wsPlugin.rooms.has(`user:${userId}`)
  if (isOnline) wsApp.wsBroadcast(notification, `user:${userId}`)
  else pending.set(userId, [...(pending.get(userId) ?? []), notification].slice(-MOST_PENDING))
  ctx.res.json({ success: true, delivered: isOnline })
})

await serve(app)
