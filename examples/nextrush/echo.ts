/** Greets, echoes and logs, at /chat: `node dist/examples/nextrush/echo.js` */
import { NextRushApp } from '../../src/facades/nextrush.ts'
import { serve } from './serve.ts'

const app = new NextRushApp()

app.enableWebSocket({ maxConnections: 1000, pingInterval: 30_000, maxMessageSize: 1024 * 1024 })

app.ws('/chat', (socket) => {
  console.log(`${socket.id} connected`)
  socket.send('Welcome to chat!')

  socket.on('message', (data) => socket.send(typeof data === 'string' ? `Echo: ${data}` : data))
  socket.on('close', (code, reason) => console.log(`${socket.id} disconnected: ${code} ${reason}`))
  socket.on('error', (error) => console.error(`${socket.id}: ${error.message}`))
})

await serve(app)
