/** A chat with rooms of its own making at /chat/:roomId: `node dist/examples/nextrush/rooms.js` */
import { NextRushApp } from '../../src/facades/nextrush.ts'
import { parseObject, textWithin } from './json.ts'
import { RoomManager } from './room-manager.ts'
import { serve } from './serve.ts'

const app = new NextRushApp()
const roomManager = new RoomManager()

app.enableWebSocket()

app.ws('/chat/:roomId', (socket, req) => {
  const { roomId } = req.params
  roomManager.joinRoom(roomId, socket)
  socket.send(JSON.stringify({ type: 'room-info', roomId, userCount: roomManager.getRoomUsers(roomId) }))

  socket.on('message', (data) => {
    const message = textWithin(parseObject(data)?.text, 2000)
    if (message === null) socket.send(JSON.stringify({ type: 'error', message: 'Invalid message format' }))
    else
      roomManager.broadcastToRoom(roomId, {
        type: 'chat-message',
        message,
        timestamp: new Date().toISOString(),
        roomId,
      })
  })
  socket.on('close', () => roomManager.leaveRoom(socket))
})

app.get('/rooms', (_req, res) => void res.json(roomManager.getAllRooms()))

await serve(app)
