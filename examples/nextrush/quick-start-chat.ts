/** The shortest chat, at /chat: `node dist/examples/nextrush/quick-start-chat.js` */
import { createApp, WebSocketPlugin, type WSConnection, withWebSocket } from '../../src/facades/nextrush.ts'
import { parseObject } from './json.ts'
import { serve } from './serve.ts'

const app = createApp()

new WebSocketPlugin({ path: '/ws' }).install(app)

const wsApp = withWebSocket(app)

wsApp.ws('/chat', (socket: WSConnection) => {
  console.log(`${socket.id} connected`)
  socket.join('general')

  socket.onMessage((data: string | Buffer) => {
    const message = parseObject(data)
    if (message === null) return socket.send(JSON.stringify({ error: 'Invalid JSON' }))
    const { user, text } = message
    wsApp.wsBroadcast(JSON.stringify({ user, text, timestamp: Date.now() }), 'general')
  })
  socket.onClose((code, reason) => console.log(`${socket.id} disconnected: ${code} ${reason}`))
})

await serve(app)
