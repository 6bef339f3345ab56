/**
 * WebSocket inside HTTP routes: `/chat` is a page for browsers and a conversation for WebSocket, `/notifications?userId=` a
 * stream for one user, and `POST /notify/:userId` feeds it. `node dist/examples/verb/routes.js`
 */
import { fileURLToPath } from 'node:url'
import { createServer, type VerbSocket } from '../../src/facades/verb.ts'
import { serve } from './serve.ts'

const page = fileURLToPath(new URL('examples/verb/page.html', import.meta.resolve('shardws/package.json')))

const app = createServer()
const subscribers = new Map<string, Set<VerbSocket>>()

app.get('/chat', (request, response) => {
  if (request.headers.upgrade !== 'websocket') return response.sendFile(page)
  const ws = response.upgrade()
  ws.join('chat')
  ws.on('message', (message) => app.publish('chat', message, { except: ws }))
})

app.get('/notifications', (request, response) => {
  const { userId } = request.query
  if (request.headers.upgrade !== 'websocket' || typeof userId !== 'string') {
    return response.status(400).json({ error: 'WebSocket upgrade required' })
  }
  const ws = response.upgrade()
  const sockets = subscribers.get(userId) ?? new Set()
  subscribers.set(userId, sockets.add(ws))
  ws.on('close', () => {
    sockets.delete(ws)
    if (sockets.size === 0) subscribers.delete(userId)
  })
})

app.post('/notify/:userId', (request, response) => {
  const sockets = subscribers.get(String(request.params.userId)) ?? []
  for (const ws of sockets) ws.send(JSON.stringify(request.body))
  response.json({ delivered: [...sockets].length })
})

await serve(app)
