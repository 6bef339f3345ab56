/** Routes with parameters, and rooms of the engine: `node dist/examples/nextrush/route-parameters.js` */
import { NextRushApp } from '../../src/facades/nextrush.ts'
import { serve } from './serve.ts'

const app = new NextRushApp()

app.enableWebSocket()

// What one says all others in the room hear.
app.ws('/rooms/:roomId', (socket, req) => {
  const { roomId } = req.params
  const { userId = 'somebody' } = req.query
  const isKnown = req.headers.authorization !== undefined
  socket.join(roomId)
  socket.send(`Welcome to room ${roomId}, ${isKnown ? userId : `${userId} without a token`}!`)
  socket.on('message', (data) => socket.broadcast(roomId, `${userId}: ${data}`))
})

app.ws('/games/:gameId/players/:playerId', (socket, req) => {
  const { gameId, playerId } = req.params
  socket.gameId = gameId
  socket.playerId = playerId
  socket.send(JSON.stringify({ type: 'connected', gameId, playerId }))
  socket.on('message', () => socket.send(`you are player ${socket.playerId} of game ${socket.gameId}`))
})

await serve(app)
