/** WebSocket only: greets every client and sends back what it says. `node dist/examples/verb/echo.js` */
import { createServer, ServerProtocol } from '../../src/facades/verb.ts'
import { serve } from './serve.ts'

const app = createServer(ServerProtocol.WEBSOCKET)

app.withOptions({
  websocket: {
    open: (ws) => {
      console.log('Client connected')
      ws.send('Welcome to WebSocket server!')
    },
    message: (ws, message) => {
      ws.send(typeof message === 'string' ? `Echo: ${message}` : message)
    },
    close: (_ws, code, reason) => console.log(`Client disconnected: ${code} - ${reason}`),
  },
})

await serve(app)
