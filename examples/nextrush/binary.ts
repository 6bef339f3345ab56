/** Bytes come back reversed, text as text, at /binary: `node dist/examples/nextrush/binary.js` */
import { createApp, WebSocketPlugin } from '../../src/facades/nextrush.ts'
import { serve } from './serve.ts'

const app = createApp()
new WebSocketPlugin().install(app)

app.ws('/binary', (socket) => {
  socket.onMessage((data) => {
    if (Buffer.isBuffer(data)) socket.send(processBinaryData(data))
    else socket.send(`Text received: ${data}`)
  })
})

/** A copy: the message is a view on a larger buffer. */
function processBinaryData(bytes: Buffer): Buffer {
  return Buffer.from(bytes).reverse()
}

await serve(app)
