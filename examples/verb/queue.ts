/**
 * Messages for clients that are away: connect to `/?clientId=ann`; `POST /send/ann` delivers, now or when ann is back.
 * `node dist/examples/verb/queue.js`
 */
import { createServer, type VerbSocket } from '../../src/facades/verb.ts'
import { serve } from './serve.ts'

const MAX_MESSAGES = 100
const MAX_CLIENTS = 10_000

/** Keeps the latest messages of each client, and forgets the client that has waited longest when there are too many. */
class MessageQueue {
  readonly #queues = new Map<string, string[]>()

  enqueue(clientId: string, message: string): void {
    const queue = this.#queues.get(clientId) ?? []
    queue.push(message)
    if (queue.length > MAX_MESSAGES) queue.shift()
    this.#queues.set(clientId, queue)
    const [oldest] = this.#queues.keys()
    if (this.#queues.size > MAX_CLIENTS && oldest !== undefined) this.#queues.delete(oldest)
  }

  dequeue(clientId: string): string | null {
    const message = this.#queues.get(clientId)?.shift() ?? null
    if (this.#queues.get(clientId)?.length === 0) this.#queues.delete(clientId)
    return message
  }

  getQueuedMessages(clientId: string): readonly string[] {
    return this.#queues.get(clientId) ?? []
  }

  clearQueue(clientId: string): void {
    this.#queues.delete(clientId)
  }
}

const messageQueue = new MessageQueue()
const clients = new Map<string, VerbSocket>()

const app = createServer()

app.get('/', (request, response) => {
  const { clientId } = request.query
  if (typeof clientId !== 'string') return response.status(400).json({ error: 'clientId is missing' })
  const ws = response.upgrade()
  clients.set(clientId, ws)
  sendQueuedMessages(ws, clientId)
  ws.on('drain', () => sendQueuedMessages(ws, clientId))
  ws.on('close', () => {
    if (clients.get(clientId) === ws) clients.delete(clientId)
  })
})

app.post('/send/:clientId', (request, response) => {
  const clientId = String(request.params.clientId)
  const message = JSON.stringify(request.body)
  const isDelivered = clients.get(clientId)?.send(message) ?? false
  if (!isDelivered) messageQueue.enqueue(clientId, message)
  response.json({ delivered: isDelivered, queued: messageQueue.getQueuedMessages(clientId).length })
})

/** What a slow client does not take stays for its `drain` or its return. */
function sendQueuedMessages(ws: VerbSocket, clientId: string): void {
  for (;;) {
    const [next] = messageQueue.getQueuedMessages(clientId)
    if (next === undefined || !ws.send(next)) return
    messageQueue.dequeue(clientId)
  }
}

await serve(app)
