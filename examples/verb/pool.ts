/**
 * At most MAX_CONNECTIONS (default 1000) at a time. With OVERLOAD=http503 one more is refused before the 101; with close1013,
 * the default here, after it, which a browser can tell from a network error. `GET /stats` counts.
 * `node dist/examples/verb/pool.js`
 */
import { createServer } from '../../src/facades/verb.ts'
import { serve } from './serve.ts'

const { MAX_CONNECTIONS = '1000', OVERLOAD = 'close1013' } = process.env

const app = createServer()

app.withOptions({
  websocket: {
    maxConnections: Number(MAX_CONNECTIONS),
    overload: OVERLOAD === 'http503' ? 'http503' : 'close1013',
    open: (ws) => ws.send('There was room for you'),
  },
})

app.get('/stats', (_request, response) => {
  response.json(app.getStats())
})

await serve(app)
