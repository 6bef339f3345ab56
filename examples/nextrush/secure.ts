/** Origins, sizes, a middleware that counts, and messages checked by a schema, at /secure-ws: `node dist/examples/nextrush/secure.js` */
import { z } from 'zod'
import { createApp, WebSocketPlugin } from '../../src/facades/nextrush.ts'
import { parseObject } from './json.ts'
import { serve } from './serve.ts'

const app = createApp()

new WebSocketPlugin({
  allowOrigins: ['https://yourdomain.com', /^https:\/\/[a-z0-9-]+\.yourdomain\.com$/],
  requireOrigin: true,
  verifyClient: (req) => req.headers['user-agent'] !== undefined,
  maxConnections: 1000,
  maxMessageSize: 64 * 1024,
  // Five connections of one address in a minute, in bounded memory; one more gets 429.
  connectionRate: { perIp: 5, windowMs: 60_000 },
}).install(app)

const Message = z.object({ type: z.enum(['chat', 'move']), text: z.string().max(1000) })

app.ws('/secure-ws', (socket) => {
  const reply = (message: object): void => void socket.send(JSON.stringify(message))

  socket.onMessage(async (data) => {
    const message = Message.safeParse(parseObject(data))
    if (!message.success) return reply({ error: 'Invalid message format' })
    try {
      reply({ type: 'processed', result: await processMessage(message.data) })
    } catch (error) {
      console.error(`${socket.id}: ${error}`)
      reply({ error: 'Message processing failed' })
    }
  })
  socket.onClose((code, reason) => console.log(`${socket.id} closed: ${code} - ${reason}`))
})

async function processMessage({ type, text }: z.infer<typeof Message>): Promise<string> {
  if (text === 'fail') throw new Error('asked to fail')
  return `${type}: ${text.length} characters`
}

await serve(app)
