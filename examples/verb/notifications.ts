/**
 * `GET /notifications?userId=ann` is a stream, `POST /api/notify/ann` and `POST /api/notify` feed it.
 * `node dist/examples/verb/notifications.js`
 */
import { createServer, type VerbSocket } from '../../src/facades/verb.ts'
import { serve } from './serve.ts'

/** In production the one who notifies says who it is, and the user id comes from a session. */
class NotificationService {
  readonly #subscribers = new Map<string, Set<VerbSocket>>()

  subscribe(userId: string, ws: VerbSocket): void {
    const sockets = this.#subscribers.get(userId) ?? new Set()
    this.#subscribers.set(userId, sockets.add(ws))
    ws.on('close', () => this.unsubscribe(userId, ws))
  }

  unsubscribe(userId: string, ws: VerbSocket): void {
    const sockets = this.#subscribers.get(userId)
    sockets?.delete(ws)
    if (sockets?.size === 0) this.#subscribers.delete(userId)
  }

  /** Returns how many sockets got it. */
  notify(userId: string, notification: object): number {
    return this.#send(this.#subscribers.get(userId) ?? [], { type: 'notification', ...notification })
  }

  broadcast(notification: object): number {
    const all = [...this.#subscribers.values()].flatMap((sockets) => [...sockets])
    return this.#send(all, { type: 'broadcast', ...notification })
  }

  #send(sockets: Iterable<VerbSocket>, message: object): number {
    const frame = JSON.stringify({ ...message, timestamp: new Date().toISOString() })
    return [...sockets].filter((ws) => ws.readyState === 1 && ws.send(frame)).length
  }
}

const app = createServer()
const notifications = new NotificationService()

app.get('/notifications', (request, response) => {
  const { userId } = request.query
  if (typeof userId !== 'string') return response.status(400).json({ error: 'userId is missing' })
  notifications.subscribe(userId, response.upgrade())
})

app.post('/api/notify/:userId', (request, response) => {
  const delivered = notifications.notify(String(request.params.userId), request.body as object)
  response.json({ success: true, delivered })
})

app.post('/api/notify', (request, response) => {
  response.json({ success: true, delivered: notifications.broadcast(request.body as object) })
})

await serve(app)
