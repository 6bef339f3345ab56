/** A chat for those with a token, at /private-chat/:roomId: `node dist/examples/nextrush/private-chat.js` */
import { NextRushApp } from '../../src/facades/nextrush.ts'
import { authenticateWebSocket } from './authenticate.ts'
import { parseObject, textWithin } from './json.ts'
import { RoomManager } from './room-manager.ts'
import { serve } from './serve.ts'
import { printTokens, type User } from './tokens.ts'

const app = new NextRushApp()
const roomManager = new RoomManager()

app.enableWebSocket()

// What arrives before the promise of the handler is settled waits for it.
app.ws('/private-chat/:roomId', async (socket, req) => {
  if (!(await authenticateWebSocket(req, socket))) return

  const { roomId } = req.params
  const { id, email } = req.user as User
  socket.userId = id
  socket.userEmail = email
  roomManager.joinRoom(roomId, socket)
  socket.send(JSON.stringify({ type: 'authenticated', user: { id, email }, roomId }))

  socket.on('message', (data) => {
    const message = textWithin(parseObject(data)?.text, 2000)
    if (message === null) socket.send(JSON.stringify({ type: 'error', message: 'Invalid message format' }))
    else {
      const timestamp = new Date().toISOString()
      roomManager.broadcastToRoom(roomId, { type: 'chat-message', message, user: { id, email }, timestamp })
    }
  })
  socket.on('close', () => roomManager.leaveRoom(socket))
})

await printTokens()
await serve(app)
