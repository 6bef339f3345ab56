import { randomUUID } from 'node:crypto'
import type { AppConnection, WSRequest } from '../../src/facades/nextrush.ts'
import { parseObject, textWithin } from './json.ts'
import type { User } from './tokens.ts'

const MESSAGES_KEPT = 100
const MESSAGES_SENT = 50
const MAX_TEXT_LENGTH = 2000

interface Member extends User {
  readonly roomId: string
  readonly joinedAt: Date
}

interface ChatRoom {
  readonly users: Map<AppConnection, Member>
  readonly messages: object[]
  readonly createdAt: Date
}

/** Chat rooms with a history, typing notices and private messages. A room exists while somebody is in it. */
export class ChatServer {
  readonly #rooms = new Map<string, ChatRoom>()
  readonly #users = new Map<AppConnection, Member>()

  handleConnection(socket: AppConnection, req: WSRequest<{ readonly roomId: string }>): void {
    const user: Member = { ...(req.user as User), roomId: req.params.roomId, joinedAt: new Date() }
    this.#users.set(socket, user)
    this.joinRoom(socket, user)
    socket.on('message', (data) => this.handleMessage(socket, user, parseObject(data)))
    socket.on('close', () => this.handleDisconnect(socket))
  }

  joinRoom(socket: AppConnection, user: Member): void {
    const room = this.#rooms.get(user.roomId) ?? { users: new Map(), messages: [], createdAt: new Date() }
    this.#rooms.set(user.roomId, room)
    room.users.set(socket, user)
    const users = Array.from(room.users.values(), publicly)
    send(socket, { type: 'room-history', messages: room.messages.slice(-MESSAGES_SENT), users })
    const joined = { type: 'user-joined', user: publicly(user), userCount: room.users.size }
    this.broadcastToRoom(user.roomId, joined, socket)
  }

  handleMessage(socket: AppConnection, user: Member, message: Record<string, unknown> | null): void {
    switch (message?.type) {
      case 'chat':
        return this.handleChatMessage(socket, user, textWithin(message.text, MAX_TEXT_LENGTH))
      case 'typing': {
        const typing = { type: 'typing', user: publicly(user), isTyping: message.isTyping === true }
        return this.broadcastToRoom(user.roomId, typing, socket)
      }
      case 'private':
        return this.handlePrivateMessage(socket, user, message.targetUserId, textWithin(message.text, MAX_TEXT_LENGTH))
      default:
        return this.sendError(socket, message === null ? 'Invalid message format' : 'Unknown message type')
    }
  }

  handleChatMessage(socket: AppConnection, user: Member, text: string | null): void {
    const room = this.#rooms.get(user.roomId)
    if (text === null || room === undefined) return this.sendError(socket, 'Invalid message format')
    const timestamp = new Date().toISOString()
    const message = { id: randomUUID(), type: 'chat-message', text, user: publicly(user), timestamp }
    room.messages.push(message)
    if (room.messages.length > MESSAGES_KEPT) room.messages.shift()
    this.broadcastToRoom(user.roomId, message)
  }

  handlePrivateMessage(socket: AppConnection, user: Member, targetUserId: unknown, text: string | null): void {
    if (text === null) return this.sendError(socket, 'Invalid message format')
    const targets = this.findUserSockets(targetUserId)
    if (targets.length === 0) return this.sendError(socket, 'User not found or offline')
    const message = { type: 'private-message', text, from: publicly(user), timestamp: new Date().toISOString() }
    for (const target of targets) send(target, message)
    send(socket, { type: 'private-message-sent', to: targetUserId, text })
  }

  /** On whatever devices and in whatever rooms somebody is. */
  findUserSockets(userId: unknown): AppConnection[] {
    return Array.from(this.#users).flatMap(([socket, { id }]) => (id === userId ? [socket] : []))
  }

  broadcastToRoom(roomId: string, message: object, excludeSocket: AppConnection | null = null): void {
    const text = JSON.stringify(message)
    for (const socket of this.#rooms.get(roomId)?.users.keys() ?? []) {
      if (socket !== excludeSocket && socket.readyState === socket.OPEN) socket.send(text)
    }
  }

  sendError(socket: AppConnection, message: string): void {
    send(socket, { type: 'error', message })
  }

  handleDisconnect(socket: AppConnection): void {
    const user = this.#users.get(socket)
    if (user === undefined) return
    this.#users.delete(socket)
    const room = this.#rooms.get(user.roomId)
    room?.users.delete(socket)
    if (room?.users.size === 0) this.#rooms.delete(user.roomId)
    else this.broadcastToRoom(user.roomId, { type: 'user-left', user: publicly(user), userCount: room?.users.size })
  }
}

function publicly({ id, email }: User): object {
  return { id, email }
}

function send(socket: AppConnection, message: object): void {
  socket.send(JSON.stringify(message))
}
