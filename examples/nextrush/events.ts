/** What a handler finds in its request, as in Express: `node dist/examples/nextrush/events.js` */
import { NextRushApp } from '../../src/facades/nextrush.ts'
import { serve } from './serve.ts'

const app = new NextRushApp()

app.enableWebSocket()

// /events?userId=7
app.ws('/events', (socket, req) => {
  const { userId = 'nobody' } = req.query
  socket.send(`Hello user ${userId}!`)
  socket.send(`You use ${req.headers['user-agent'] ?? 'something that does not say what it is'}`)
})

await serve(app)
