/** A value every POINT_MS (default 1000) at /stream/data: `node dist/examples/nextrush/data-stream.js` */
import { randomUUID } from 'node:crypto'
import { createApp, WebSocketPlugin } from '../../src/facades/nextrush.ts'
import { serve } from './serve.ts'

const { POINT_MS = '1000' } = process.env

const app = createApp()
const wsPlugin = new WebSocketPlugin().install(app)

app.ws('/stream/data', (socket) => {
  const streamId = `stream_${randomUUID()}`
  socket.send(JSON.stringify({ type: 'stream-started', streamId, message: 'Data stream initiated' }))

  const interval = setInterval(() => {
    const metrics = { memory: process.memoryUsage().rss, connections: wsPlugin.getStats().connections }
    const point = { type: 'data-point', streamId, timestamp: new Date(), value: Math.random() * 100, metrics }
    // False: the client reads too slowly, and this value is not for it. The next one is newer.
    socket.send(JSON.stringify(point))
  }, Number(POINT_MS))

  socket.onClose(() => {
    clearInterval(interval)
    console.log(`${streamId} ended`)
  })
})

await serve(app)
