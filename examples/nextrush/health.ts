/** Whether all is well at /ws/health, and figures for Prometheus at /ws/metrics: `node dist/examples/nextrush/health.js` */
import { createApp, WebSocketPlugin } from '../../src/facades/nextrush.ts'
import { serve } from './serve.ts'

const app = createApp()
const wsPlugin = new WebSocketPlugin().install(app)

app.ws('/ws', (socket) => {
  socket.join('everybody')
  socket.onMessage((data) => socket.send(data))
})

app.get('/ws/health', (ctx) => {
  const { status, ready } = wsPlugin.server.health()
  const { connections: activeConnections, rooms: totalRooms } = wsPlugin.getStats()
  const websocket = { activeConnections, totalRooms, uptime: process.uptime(), memoryUsage: process.memoryUsage() }
  ctx.res.status(ready ? 200 : 503).json({ status, websocket })
})

app.get('/ws/metrics', (ctx) => {
  const { connections, rooms, messagesSent, messagesReceived } = wsPlugin.getStats()
  const metrics = [
    ['websocket_connections_active', 'gauge', connections],
    // What goes up and down is no total.
    ['websocket_rooms_active', 'gauge', rooms],
    ['websocket_messages_sent_total', 'counter', messagesSent],
    ['websocket_messages_received_total', 'counter', messagesReceived],
  ] as const
  ctx.res.setHeader('Content-Type', 'text/plain; version=0.0.4')
  ctx.res.end(metrics.map(([name, type, value]) => `# TYPE ${name} ${type}\n${name} ${value}\n`).join(''))
})

await serve(app)
