/**
 * Pings every client by hand every PING_INTERVAL_MS (default 30000) and closes with 1002 the one that does not answer within
 * PONG_TIMEOUT_MS (default 5000). The engine's own pings do as much by themselves. `node dist/examples/verb/health-check.js`
 */
import { createServer, ServerProtocol, type VerbSocket } from '../../src/facades/verb.ts'
import { serve } from './serve.ts'

const { PING_INTERVAL_MS = '30000', PONG_TIMEOUT_MS = '5000' } = process.env

const app = createServer(ServerProtocol.WEBSOCKET)

app.withOptions({
  websocket: {
    open: healthCheck,
    close: (_ws, code, reason) => console.log(`closed: ${code} ${reason}`),
  },
})

function healthCheck(ws: VerbSocket): void {
  let timeout: NodeJS.Timeout | undefined
  const interval = setInterval(() => {
    ws.ping('health-check')
    timeout ??= setTimeout(() => ws.close(1002, 'Ping timeout'), Number(PONG_TIMEOUT_MS))
  }, Number(PING_INTERVAL_MS))
  const answered = (): void => {
    clearTimeout(timeout)
    timeout = undefined
  }
  ws.on('pong', answered)
  ws.on('close', () => {
    clearInterval(interval)
    answered()
  })
}

await serve(app)
