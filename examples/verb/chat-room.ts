/** Rooms that remember: connect to `/rooms/blue`. `node dist/examples/verb/chat-room.js` */
import { createServer, type VerbSocket } from '../../src/facades/verb.ts'
import { parseObject, textOf } from './parse.ts'
import { serve } from './serve.ts'

const MAX_ROOMS = 1000
const MAX_TEXT_LENGTH = 2000
const SHOWN_MESSAGES = 20

interface ChatMessage {
  readonly type: 'message'
  readonly text: string
  readonly timestamp: string
}

class ChatRoom {
  readonly id: string
  readonly maxMessages = 100
  readonly #clients = new Set<VerbSocket>()
  #messages: readonly ChatMessage[] = []

  constructor(id: string) {
    this.id = id
  }

  get isEmpty(): boolean {
    return this.#clients.size === 0
  }

  /** It is sent the latest messages. */
  addClient(ws: VerbSocket): void {
    this.#clients.add(ws)
    ws.send(JSON.stringify({ type: 'message_history', messages: this.#messages.slice(-SHOWN_MESSAGES) }))
  }

  removeClient(ws: VerbSocket): void {
    this.#clients.delete(ws)
  }

  broadcast(text: string, excludeClient: VerbSocket | null = null): void {
    const message: ChatMessage = { type: 'message', text, timestamp: new Date().toISOString() }
    this.#messages = [...this.#messages, message].slice(-this.maxMessages)
    const frame = JSON.stringify(message)
    for (const client of this.#clients) if (client !== excludeClient) client.send(frame)
  }
}

const chatRooms = new Map<string, ChatRoom>()

/** Null: there are too many. */
function getChatRoom(roomId: string): ChatRoom | null {
  const known = chatRooms.get(roomId)
  if (known !== undefined) return known
  // What was said in the room that has been empty longest is forgotten first.
  const empty = [...chatRooms.values()].find(({ isEmpty }) => isEmpty)
  if (chatRooms.size >= MAX_ROOMS && empty === undefined) return null
  if (chatRooms.size >= MAX_ROOMS && empty !== undefined) chatRooms.delete(empty.id)
  const room = new ChatRoom(roomId)
  chatRooms.set(roomId, room)
  return room
}

const app = createServer()

app.get('/rooms/:roomId', (request, response) => {
  const room = getChatRoom(String(request.params.roomId))
  if (room === null) return response.status(503).json({ error: 'Too many rooms' })
  const ws = response.upgrade()
  room.addClient(ws)
  ws.on('message', (message) => {
    const text = textOf(parseObject(message)?.text, MAX_TEXT_LENGTH)
    if (text === null) ws.send(JSON.stringify({ type: 'error', message: 'text must be a text' }))
    else room.broadcast(text, ws)
  })
  ws.on('close', () => room.removeClient(ws))
})

await serve(app)
