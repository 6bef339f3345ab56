/**
 * An echo server that prints the figures of its process every 5 s, or every METRICS_INTERVAL_MS:
 * `node dist/examples/nexure/metrics.js`
 */
import { createServer } from 'node:http'
import { WebSocketServer } from '../../src/facades/nexure.ts'
import { formatBytes } from './format-bytes.ts'
import { serve } from './serve.ts'

const { METRICS_INTERVAL_MS = '5000' } = process.env

const server = createServer((_request, response) => response.writeHead(426, { Upgrade: 'websocket' }).end())
const wss = new WebSocketServer()

wss.on('message', (id, message, isBinary) => {
  wss.send(id, message, isBinary)
})

const timer = setInterval(() => {
  const metrics = WebSocketServer.getPerformanceMetrics()
  console.log(
    [
      'WebSocket performance metrics:',
      `- Active connections: ${metrics.connections}`,
      `- Messages received: ${metrics.messagesReceived}`,
      `- Messages sent: ${metrics.messagesSent}`,
      `- Bytes received: ${formatBytes(metrics.bytesReceived)}`,
      `- Bytes sent: ${formatBytes(metrics.bytesSent)}`,
      `- Compression ratio: ${(metrics.compressionRatio * 100).toFixed(2)}%`,
    ].join('\n'),
  )
}, Number(METRICS_INTERVAL_MS))
// The server keeps the process alive; its report alone should not.
timer.unref()

server.on('upgrade', (request, socket, head) => wss.handleUpgrade(request, socket, head))

await serve(server, wss)
