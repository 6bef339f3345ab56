/**
 * Figures of the process every METRICS_MS (default 1000), and orders as they come, at /dashboard:
 * `node dist/examples/nextrush/dashboard.js`
 */
import { createApp, WebSocketPlugin, withWebSocket } from '../../src/facades/nextrush.ts'
import { parseObject, textWithin } from './json.ts'
import { serve } from './serve.ts'

const { METRICS_MS = '1000' } = process.env

const app = createApp()
const wsPlugin = new WebSocketPlugin({ path: '/dashboard', heartbeatMs: 10_000 }).install(app)
const wsApp = withWebSocket(app)

function collectSystemMetrics() {
  const { connections } = wsPlugin.getStats()
  return { cpu: process.cpuUsage(), memory: process.memoryUsage(), connections, uptime: process.uptime() }
}

const METRICS = ['cpu', 'memory', 'connections', 'uptime'] as const

wsApp.ws('/dashboard', (socket) => {
  socket.join('dashboard')
  send('initial_metrics', collectSystemMetrics())

  socket.onMessage((message) => {
    const { type, metric } = parseObject(message) ?? {}
    const known = METRICS.find((each) => each === metric)
    if (known === undefined || (type !== 'subscribe' && type !== 'unsubscribe')) return send('error', 'Unknown metric')
    if (type === 'subscribe') socket.join(`metrics:${known}`)
    else socket.leave(`metrics:${known}`)
    send(`${type}d`, known)
  })

  function send(type: string, data: unknown): void {
    socket.send(JSON.stringify({ type, data, timestamp: Date.now() }))
  }
})

const timer = setInterval(() => {
  const metrics = collectSystemMetrics()
  publish('dashboard', { type: 'metrics_update', data: metrics })
  for (const metric of METRICS) publish(`metrics:${metric}`, { type: 'metric', metric, data: metrics[metric] })
}, Number(METRICS_MS))
// The server keeps the process alive; its report alone should not.
timer.unref()

let lastOrder = 0

app.post('/api/orders', (ctx) => {
  const { item: given } = (ctx.body ?? {}) as { item?: unknown }
  const item = textWithin(given, 200)
  if (item === null) return ctx.res.status(400).json({ error: 'An item is missing' })
  const order = { id: ++lastOrder, item }
  publish('dashboard', { type: 'new_order', order })
  ctx.res.json(order)
})

/** A room without members costs nothing. */
function publish(room: string, message: object): void {
  wsApp.wsBroadcast(JSON.stringify({ ...message, timestamp: Date.now() }), room)
}

await serve(app)
