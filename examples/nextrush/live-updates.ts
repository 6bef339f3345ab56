/** Posts are told to who has subscribed at /live, as they change: `node dist/examples/nextrush/live-updates.js` */
import type { RequestHandler } from 'express'
import { NextRushApp } from '../../src/facades/nextrush.ts'
import { authenticateWebSocket } from './authenticate.ts'
import { LiveUpdates } from './channels.ts'
import { parseObject, textWithin } from './json.ts'
import { serve } from './serve.ts'
import { printTokens, userOfHeader } from './tokens.ts'

/** A client that may name what it likes must not fill the memory with channels. */
const CHANNELS: readonly unknown[] = ['posts']

const app = new NextRushApp()
const liveUpdates = new LiveUpdates()
const posts = new Map<string, object>()

app.enableWebSocket()

app.ws('/live', async (socket, req) => {
  if (!(await authenticateWebSocket(req, socket))) return

  const reply = (message: object): void => void socket.send(JSON.stringify(message))
  socket.on('message', (data) => {
    const { type, channel } = parseObject(data) ?? {}
    if (type !== 'subscribe' && type !== 'unsubscribe') reply({ type: 'error', message: 'Unknown message type' })
    else if (!CHANNELS.includes(channel)) reply({ type: 'error', message: 'Unknown channel' })
    else {
      liveUpdates[type](String(channel), socket)
      reply({ type: `${type}d`, channel })
    }
  })
  socket.on('close', () => liveUpdates.cleanupSocket(socket))
})

const authenticate: RequestHandler = async (req, res, next) => {
  if ((await userOfHeader(req.headers.authorization)) === null)
    res.status(401).json({ error: 'Authentication required' })
  else next()
}

app.post('/api/posts', authenticate, (req, res) => {
  const title = textWithin(req.body?.title, 200)
  if (title === null) return void res.status(400).json({ error: 'A title is missing' })
  const post = { id: `${posts.size + 1}`, title }
  posts.set(post.id, post)
  liveUpdates.publish('posts', { type: 'new-post', post })
  res.json({ success: true, post })
})

app.put('/api/posts/:id', authenticate, (req, res) => {
  const id = String(req.params.id)
  const title = textWithin(req.body?.title, 200)
  if (title === null || !posts.has(id)) return void res.status(title === null ? 400 : 404).json({ success: false })
  const post = { id, title }
  posts.set(id, post)
  liveUpdates.publish('posts', { type: 'post-updated', post })
  res.json({ success: true, post })
})

await printTokens()
await serve(app)
