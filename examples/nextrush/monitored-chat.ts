/**
 * Figures of the server at /api/websocket/stats and, every MONITOR_MS (default 60000), in the log; and of each connection to
 * /monitored-chat: `node dist/examples/nextrush/monitored-chat.js`
 */
import { NextRushApp } from '../../src/facades/nextrush.ts'
import { serve } from './serve.ts'

const { MONITOR_MS = '60000' } = process.env

const app = new NextRushApp()

app.enableWebSocket()

app.ws('/monitored-chat', (socket, req) => {
  const metadata = {
    connectedAt: new Date(),
    messageCount: 0,
    lastActivity: new Date(),
    userAgent: req.headers['user-agent'],
    ip: req.ip,
  }
  socket.metadata = metadata
  socket.on('message', (data) => {
    metadata.messageCount++
    metadata.lastActivity = new Date()
    if (metadata.messageCount % 100 === 0) console.log(`${socket.id} is active: ${metadata.messageCount} messages`)
    socket.send(data)
  })
  // `socket.connectedAt`, `messagesReceived` and `lastActivity` are the same, counted by the engine.
  socket.on('close', () => {
    const durationMs = Date.now() - metadata.connectedAt.getTime()
    console.log(`${socket.id} from ${metadata.ip} ended: ${metadata.messageCount} messages in ${durationMs} ms`)
  })
})

app.get('/api/websocket/stats', (_req, res) => {
  const {
    connections,
    totalConnections,
    messagesSent,
    messagesReceived,
    rooms,
    uptime,
    bytesReceived,
    bytesSent,
    errors,
  } = app.getWebSocketStats()
  res.json({
    connections,
    totalConnections,
    messagesSent,
    messagesReceived,
    rooms,
    uptime,
    bytesReceived,
    bytesSent,
    errors,
  })
})

const monitor = setInterval(() => {
  const { connections, rooms, messagesSent, uptime } = app.getWebSocketStats()
  const messagesPerSecond = (messagesSent / (uptime / 1000)).toFixed(2)
  console.log(`connections ${connections}, rooms ${rooms}, messages per second ${messagesPerSecond}`)
}, Number(MONITOR_MS))
// The server keeps the process alive; its report alone should not.
monitor.unref()

await serve(app)
