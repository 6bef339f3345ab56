/** A chat on shards: `npm start`, or with another port `PORT=9000 npm start`. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { availableParallelism } from 'node:os'
import { dashboardHandler } from '../../src/dashboard/dashboard.ts'
import { WebSocketServer } from '../../src/index.ts'
import { Chat } from './chat.ts'
import { createPageListener } from './page-server.ts'

const DEFAULT_PORT = 8080
/** At least so many that people on a small machine see different ones, at most as many as the page has colours. */
const MIN_SHARDS = 4
const MAX_SHARDS = 8
/** Far more often than a service needs: four heartbeats in the two seconds of a blocked main thread. */
const PING_INTERVAL_MS = 500
/** Room for the longest chat message with every character escaped. */
const MAX_PAYLOAD_BYTES = 4096
const SHUTDOWN_DEADLINE_MS = 3000

const HANDOFFS = {
  transfer: 'transfer: the TCP handle itself moves to the shard',
  descriptor: 'descriptor: the file descriptor is passed to the shard',
  relay: 'relay: main passes the bytes on, so it is in their way when it blocks',
  local: 'local: there is no thread to hand off to',
}

async function start(port: number): Promise<void> {
  const server = new WebSocketServer({
    shards: Math.min(MAX_SHARDS, Math.max(MIN_SHARDS, availableParallelism() - 1)),
    maxPayload: MAX_PAYLOAD_BYTES,
    pingIntervalMs: PING_INTERVAL_MS,
  })
  const http = createServer(withDashboard(server, createPageListener()))
  server.attach(http, { path: '/chat' })
  try {
    await server.ready()
    await once(http.listen(port, process.env.HOST), 'listening')
  } catch (error) {
    await server.shutdown()
    throw error
  }
  const chat = new Chat(server)
  const stop = (): void => {
    chat.stop()
    http.close()
    server.shutdown({ deadlineMs: SHUTDOWN_DEADLINE_MS }).then(
      () => http.closeAllConnections(),
      (error: unknown) => fail(error),
    )
  }
  // Once: a second signal ends the process at once.
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  announce(server, (http.address() as AddressInfo).port)
}

/** Only a browser on this machine is let in, as nobody is asked who may look. */
function withDashboard(server: WebSocketServer, page: RequestListener): RequestListener {
  const dashboard = dashboardHandler(server, { title: 'demo' })
  return (request, response) => {
    const listener = request.url?.split('?', 1)[0] === '/dashboard' ? dashboard : page
    listener(request, response)
  }
}

function announce(server: WebSocketServer, port: number): void {
  const { handoff, shards } = server.stats()
  console.log(`
  shardws demo: a chat whose connections live on worker threads

    look at    http://localhost:${port}
    dashboard  http://localhost:${port}/dashboard
    shards     ${shards.length}
    hand-off   ${handoff === null ? 'starting' : HANDOFFS[handoff]}

  Open it in two windows. Ctrl+C stops it.
`)
}

function readPort(text = String(DEFAULT_PORT)): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65535) return port
  throw new RangeError(`PORT must be a number from 0 to 65535, got '${text}'`)
}

function explain(error: unknown): string {
  const { code, port, message } = error as NodeJS.ErrnoException & { port?: number }
  if (code !== 'EADDRINUSE') return message
  return `port ${port} is taken. Choose another one: PORT=${Number(port) + 1} npm start`
}

function fail(error: unknown): void {
  console.error(`shardws demo: ${explain(error)}`)
  process.exitCode = 1
}

try {
  await start(readPort(process.env.PORT))
} catch (error) {
  fail(error)
}
