/** A chat with a room for every path below /chat, and who is where at /stats: `node dist/examples/nextrush/room-statistics.js` */
import { randomUUID } from 'node:crypto'
import { createApp, WebSocketPlugin } from '../../src/facades/nextrush.ts'
import { serve } from './serve.ts'

const app = createApp()
new WebSocketPlugin({ path: '/chat/*' }).install(app)

const stats = {
  totalConnections: 0,
  activeConnections: 0,
  /** Of rooms in which somebody is. */
  roomStats: new Map<string, { users: number; messages: number }>(),
}

app.ws('/chat/*', (socket, req) => {
  // Not from the URL, which has a query too.
  const room = req.params['*'] || 'general'
  const roomStats = stats.roomStats.get(room) ?? { users: 0, messages: 0 }
  stats.roomStats.set(room, roomStats)
  stats.totalConnections++
  stats.activeConnections++
  roomStats.users++

  socket.join(room)
  const { users: activeUsers, messages: totalMessages } = roomStats
  const message = `Welcome to room "${room}"!`
  socket.send(JSON.stringify({ type: 'welcome', room, message, stats: { activeUsers, totalMessages } }))
  const joined = { type: 'user-joined', room, message: `A new user joined "${room}"`, activeUsers }
  socket.broadcast(room, JSON.stringify(joined))

  socket.onMessage((data) => {
    roomStats.messages++
    const chat = {
      type: 'chat-message',
      room,
      content: data.toString(),
      timestamp: new Date(),
      messageId: randomUUID(),
    }
    app.wsBroadcast(JSON.stringify(chat), room)
  })

  socket.onClose(() => {
    stats.activeConnections--
    roomStats.users--
    if (roomStats.users === 0) stats.roomStats.delete(room)
    const left = { type: 'user-left', room, message: `A user left "${room}"`, activeUsers: roomStats.users }
    app.wsBroadcast(JSON.stringify(left), room)
  })
})

app.get('/stats', (ctx) => {
  const { totalConnections, activeConnections, roomStats } = stats
  ctx.res.json({ totalConnections, activeConnections, rooms: Object.fromEntries(roomStats) })
})

await serve(app)
