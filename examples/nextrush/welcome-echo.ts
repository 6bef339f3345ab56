/** The overview's first steps, at /ws: `node dist/examples/nextrush/welcome-echo.js` */
import { createApp, WebSocketPlugin } from '../../src/facades/nextrush-v2.ts'
import { serve } from './serve.ts'

const app = createApp()

new WebSocketPlugin({ path: '/ws', heartbeatMs: 30_000, maxConnections: 1000 }).install(app)

app.ws('/ws', (socket) => {
  socket.send('Welcome to NextRush v2 WebSocket!')
  socket.onMessage((data) => socket.send(`Echo: ${data}`))
  socket.onClose((code, reason) => console.log(`Connection closed: ${code} - ${reason}`))
})

await serve(app)
