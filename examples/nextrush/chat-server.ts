/** A whole chat with its page: `node dist/examples/nextrush/chat-server.js`, then open the URL it prints with a token. */
import { fileURLToPath } from 'node:url'
import { NextRushApp } from '../../src/facades/nextrush.ts'
import { authenticateWebSocket } from './authenticate.ts'
import { ChatServer } from './chat-rooms.ts'
import { serve } from './serve.ts'
import { printTokens } from './tokens.ts'

// The page is no TypeScript, so it is not in dist: it is found from the package's root.
const page = fileURLToPath(new URL('examples/nextrush/page/', import.meta.resolve('shardws/package.json')))

const app = new NextRushApp()
const chatServer = new ChatServer()

app.enableWebSocket({ maxConnections: 5000, maxMessageSize: 64 * 1024, compression: true })

app.ws('/chat/:roomId', async (socket, req) => {
  if (await authenticateWebSocket(req, socket)) chatServer.handleConnection(socket, req)
})

app.get('/', (_req, res) => res.sendFile('index.html', { root: page }))
app.get('/chat-client.js', (_req, res) => res.sendFile('chat-client.js', { root: page }))

await printTokens()
await serve(app)
