/** A page and its WebSocket on one port and path: `node dist/examples/verb/page.js`, then open the URL it prints. */
import { readFileSync } from 'node:fs'
import { createServer } from '../../src/facades/verb.ts'
import { serve } from './serve.ts'

// The page is no TypeScript, so it is not in dist: it is found from the package's root.
const page = readFileSync(new URL('examples/verb/page.html', import.meta.resolve('shardws/package.json')), 'utf8')

const app = createServer()

app.withOptions({
  websocket: {
    open: (ws) => ws.send('WebSocket connection established'),
    message: (ws, message) => ws.send(`Server received: ${message}`),
  },
})

app.get('/', (_request, response) => {
  response.html(page)
})

await serve(app)
