/**
 * Messages go to a handler by their `type`; who a client is it says with a token, in the query or in `Authorization`.
 * `node dist/examples/verb/router.js`, then connect to `/?token=token-ann`.
 */
import { randomUUID } from 'node:crypto'
import { createServer, type VerbSocket } from '../../src/facades/verb.ts'
import { parseObject, textOf } from './parse.ts'
import { serve } from './serve.ts'
import { WebSocketManager } from './web-socket-manager.ts'

const MAX_ROOM_LENGTH = 64
const MAX_TEXT_LENGTH = 2000

interface User {
  readonly id: string
  readonly name: string
}

/** In place of a database or an identity provider. */
const USERS: ReadonlyMap<string, User> = new Map([
  ['token-ann', { id: 'ann', name: 'Ann' }],
  ['token-bob', { id: 'bob', name: 'Bob' }],
])

type Handler = (ws: VerbSocket, user: User, data: Readonly<Record<string, unknown>>) => void

const manager = new WebSocketManager()

const messageHandlers = new Map<unknown, Handler>([
  [
    'chat',
    (ws, user, data) => {
      const [roomId, text] = [textOf(data.roomId, MAX_ROOM_LENGTH), textOf(data.message, MAX_TEXT_LENGTH)]
      if (roomId === null || text === null) return refuse(ws, 'roomId and message must be texts')
      if (!manager.isInRoom(user.id, roomId)) return refuse(ws, `Join ${roomId} first`)
      const timestamp = new Date().toISOString()
      const message = { type: 'chat', id: randomUUID(), roomId, user: user.name, message: text, timestamp }
      manager.broadcastToRoom(roomId, JSON.stringify(message), user.id)
    },
  ],
  [
    'join_room',
    (ws, user, data) => {
      const roomId = textOf(data.roomId, MAX_ROOM_LENGTH)
      if (roomId === null) return refuse(ws, 'roomId must be a text')
      manager.joinRoom(user.id, roomId)
      reply(ws, { type: 'joined_room', roomId })
      manager.broadcastToRoom(roomId, JSON.stringify({ type: 'user_joined', user: user.name, roomId }), user.id)
    },
  ],
  [
    'leave_room',
    (ws, user, data) => {
      const roomId = textOf(data.roomId, MAX_ROOM_LENGTH)
      if (roomId === null || !manager.leaveRoom(user.id, roomId)) return refuse(ws, 'You are not in that room')
      manager.broadcastToRoom(roomId, JSON.stringify({ type: 'user_left', user: user.name, roomId }))
    },
  ],
  [
    'private_message',
    (ws, user, data) => {
      const [target, text] = [manager.getClient(String(data.targetUserId)), textOf(data.message, MAX_TEXT_LENGTH)]
      if (text === null) return refuse(ws, 'message must be a text')
      if (target === undefined) return refuse(ws, 'User not found or offline')
      const timestamp = new Date().toISOString()
      reply(target.socket, { type: 'private_message', from: user.name, message: text, timestamp })
    },
  ],
])

const app = createServer()

app.withOptions({
  websocket: {
    open: async (ws) => {
      const user = await verifyToken(ws.query.token ?? ws.headers.authorization?.replace(/^Bearer /, ''))
      if (user === undefined) {
        reply(ws, { type: 'auth', status: 'error', message: 'Authentication failed' })
        ws.close(1008, 'Authentication failed')
        return
      }
      ws.user = user
      ws.authenticated = true
      manager.addClient(ws, user.id, { user })
      reply(ws, { type: 'auth', status: 'success', user })
    },
    message: (ws, message) => {
      if (ws.authenticated !== true) return reply(ws, { error: 'Authentication required' })
      const data = parseObject(message)
      if (data === null) return refuse(ws, 'Invalid message format')
      const handler = messageHandlers.get(data.type)
      if (handler === undefined) refuse(ws, `Unknown message type: ${String(data.type).slice(0, 40)}`)
      else handler(ws, ws.user as User, data)
    },
  },
})

async function verifyToken(token: string | undefined): Promise<User | undefined> {
  return USERS.get(token ?? '')
}

function reply(ws: VerbSocket, message: object): void {
  ws.send(JSON.stringify(message))
}

function refuse(ws: VerbSocket, message: string): void {
  reply(ws, { type: 'error', message })
}

await serve(app)
