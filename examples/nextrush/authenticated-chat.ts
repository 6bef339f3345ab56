/** A chat whose users have tokens, checked before the connection, at /chat: `node dist/examples/nextrush/authenticated-chat.js` */
import { randomUUID } from 'node:crypto'
import { createApp, WebSocketPlugin, withWebSocket } from '../../src/facades/nextrush.ts'
import { parseObject, textWithin } from './json.ts'
import { serve } from './serve.ts'
import { isAdmin, printTokens, type User, userOf } from './tokens.ts'

const app = createApp()

new WebSocketPlugin({
  path: '/chat',
  maxConnections: 1000,
  // Who has no valid token gets 401. The user that is found becomes `req.user`.
  verifyClient: async (req) => {
    const token = new URL(req.url ?? '', 'http://localhost').searchParams.get('token')
    const user = await userOf(token ?? undefined)
    return user === null ? false : { user }
  },
}).install(app)

const wsApp = withWebSocket(app)
const activeUsers = new Map<string, User>()

wsApp.wsUse((socket, req, next) => {
  const user = req.user as User
  console.log(`${socket.id} is ${user.name}, from ${req.socket.remoteAddress}`)
  next()
})

wsApp.ws('/chat', (socket, req) => {
  const user = req.user as User
  const tell = (message: object): void => {
    wsApp.wsBroadcast(JSON.stringify({ ...message, timestamp: Date.now() }), 'general')
  }
  const reply = (message: object): void => void socket.send(JSON.stringify(message))

  activeUsers.set(socket.id, user)
  socket.join('general')
  // All devices of a user are a room of their own.
  socket.join(`user:${user.id}`)
  tell({ type: 'user_joined', user: publicly(user) })
  reply({ type: 'user_list', users: Array.from(activeUsers.values(), publicly) })

  socket.onMessage((data) => {
    const message = parseObject(data)
    const text = textWithin(message?.text, 2000)
    if (message?.type === 'typing') tell({ type: 'typing', user: publicly(user), isTyping: message.isTyping === true })
    else if (message?.type === 'chat_message' && text !== null) {
      tell({ type: 'message', id: randomUUID(), user: publicly(user), text })
    } else if (message?.type === 'private_message' && text !== null) {
      const isThere = sendPrivately(message.targetUserId, { type: 'private_message', from: publicly(user), text })
      if (!isThere) reply({ type: 'error', message: 'User not found or offline' })
    } else reply({ type: 'error', message: 'Invalid message format' })
  })
  socket.onClose(() => {
    activeUsers.delete(socket.id)
    tell({ type: 'user_left', user: publicly(user) })
  })
})

function sendPrivately(userId: unknown, message: object): boolean {
  if (![...activeUsers.values()].some(({ id }) => id === userId)) return false
  wsApp.wsBroadcast(JSON.stringify({ ...message, timestamp: Date.now() }), `user:${userId}`)
  return true
}

app.post('/api/admin/broadcast', async (ctx) => {
  if (!(await isAdmin(ctx.headers.authorization))) return ctx.res.status(403).json({ success: false })
  const { message, room = 'general' } = (ctx.body ?? {}) as { message?: unknown; room?: string }
  wsApp.wsBroadcast(JSON.stringify({ type: 'system_message', message, timestamp: Date.now() }), room)
  ctx.res.json({ success: true })
})

function publicly({ id, name }: User): object {
  return { id, name }
}

await printTokens()
await serve(app)
