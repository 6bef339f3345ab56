/** Many items in one message, and bytes instead of text, at /bulk: `node dist/examples/nextrush/bulk-binary.js` */
import { createApp, WebSocketPlugin, withWebSocket } from '../../src/facades/nextrush.ts'
import { parseObject } from './json.ts'
import { serve } from './serve.ts'

const MOST_BYTES = 256 * 1024
const MOST_VALUES = 10_000

const app = createApp()
new WebSocketPlugin({ path: '/bulk' }).install(app)
const values = new Map<string, number>()

withWebSocket(app).ws('/bulk', (socket) => {
  socket.onMessage((data) => {
    // Parsed once, and one answer for all of them.
    const message = parseObject(data)
    if (message?.type === 'bulk_update' && Array.isArray(message.items)) {
      socket.send(JSON.stringify({ type: 'bulk_updated', count: update(message.items) }))
    } else if (message?.type === 'download' && Number.isInteger(message.bytes)) {
      const bytes = new Uint8Array(Math.min(MOST_BYTES, Math.max(0, Number(message.bytes))))
      socket.send(Buffer.from(bytes.map((_byte, index) => index)))
    } else socket.send(JSON.stringify({ type: 'error', message: 'Unknown message type' }))
  })
})

/** Returns how many of them were items. */
function update(items: readonly unknown[]): number {
  let count = 0
  for (const item of items) {
    const { id, value } = Object(item) as { id?: unknown; value?: unknown }
    if (typeof id !== 'string' || typeof value !== 'number' || (values.size >= MOST_VALUES && !values.has(id))) continue
    values.set(id, value)
    count++
  }
  return count
}

app.get('/values', (ctx) => ctx.res.json(Object.fromEntries(values)))

await serve(app)
