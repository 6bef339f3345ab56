/** Greets every client and sends back what it says. `node dist/examples/nexure/echo.js` */
import { createServer } from 'node:http'
import { WebSocketServer } from '../../src/facades/nexure.ts'
import { serve } from './serve.ts'

const server = createServer((_request, response) => response.writeHead(426, { Upgrade: 'websocket' }).end())
const wss = new WebSocketServer({ maxPayloadLength: 1024 * 1024, compression: true })

wss.on('connection', (id) => {
  console.log(`${id} connected`)
  wss.send(id, 'Welcome to the WebSocket server!')
})

wss.on('message', (id, message, isBinary) => {
  wss.send(id, message, isBinary)
})

wss.on('close', (id, code, reason) => {
  console.log(`${id} closed: ${code} ${reason}`)
})

wss.on('error', (id, error) => {
  console.error(`${id ?? 'server'}: ${error.message}`)
})

server.on('upgrade', (request, socket, head) => wss.handleUpgrade(request, socket, head))

await serve(server, wss)
