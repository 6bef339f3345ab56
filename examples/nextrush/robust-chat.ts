/**
 * A handler that expects the worst, at /robust-chat/:roomId. QUIET_MS, default 60000, is how long somebody may say nothing:
 * `node dist/examples/nextrush/robust-chat.js`
 */
import { type AppConnection, NextRushApp } from '../../src/facades/nextrush.ts'
import { parseObject } from './json.ts'
import { serve } from './serve.ts'

const { QUIET_MS = '60000', PING_MS = '30000' } = process.env
const MESSAGES_PER_MINUTE = 60

const app = new NextRushApp()

app.enableWebSocket()

app.ws('/robust-chat/:roomId', (socket, req) => {
  const { roomId } = req.params
  const reply = (message: object): void => void socket.send(JSON.stringify(message))

  // Begins anew with every message: who talks is not cut off. The engine's own idleTimeoutMs would do the same.
  const quiet = setTimeout(() => socket.close(1000, 'Connection timeout'), Number(QUIET_MS))
  // The shard pings too (pingInterval); a heartbeat of your own is for what only you know.
  const heartbeat = setInterval(() => socket.ping(), Number(PING_MS))
  socket.on('close', () => {
    clearTimeout(quiet)
    clearInterval(heartbeat)
  })

  // A connection with an error is mostly closed already; then this goes nowhere.
  socket.on('error', (error) => {
    console.error(`${socket.id}: ${error.message}`)
    const code = 'code' in error ? error.code : undefined
    reply({ type: 'error', message: 'Connection error occurred', code })
  })

  socket.join(roomId)
  socket.on('message', (data) => {
    quiet.refresh()
    const message = parseObject(data)
    if (typeof message?.type !== 'string' || message.type === '') {
      return reply({ type: 'error', message: 'Invalid message format', details: 'type must be a string' })
    }
    if (!rateLimitMessage(socket)) return reply({ type: 'error', message: 'Rate limit exceeded' })
    socket.publish(roomId, JSON.stringify({ type: message.type, text: String(message.text ?? '') }))
  })
})

const histories = new WeakMap<AppConnection, number[]>()

/** Whether one more message is allowed in this minute. The engine's own rateLimit does it in the shard, before main hears of it. */
function rateLimitMessage(socket: AppConnection): boolean {
  const now = performance.now()
  const history = (histories.get(socket) ?? []).filter((time) => now - time < 60_000)
  histories.set(socket, history)
  if (history.length >= MESSAGES_PER_MINUTE) return false
  history.push(now)
  return true
}

await serve(app)
