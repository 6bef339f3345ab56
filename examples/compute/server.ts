/**
 * Counts primes for its clients, on threads beside the shards: main only passes questions and answers on, so nobody waits
 * for the question of somebody else. `node dist/examples/compute/server.js`
 *
 * A client sends a number as text and gets `{ limit, primes }`, or `{ limit, error }`; whatever else it sends comes back.
 */
import { extname } from 'node:path'
import { ShardwsError, WebSocketServer } from '../../src/index.ts'

const { HOST = '127.0.0.1', PORT = '8080' } = process.env

/** About five milliseconds on most machines. */
const MOST = 1_000_000

const server = new WebSocketServer({
  compute: {
    filename: new URL(`primes${extname(import.meta.url)}`, import.meta.url),
    maxQueue: 100,
    taskTimeoutMs: 1000,
  },
})

server.route('/', (socket) => {
  // What nobody waits for any more is not computed.
  const left = new AbortController()
  socket.onClose(() => left.abort())
  socket.onMessage(async (message) => {
    const limit = Number(message)
    if (!Number.isInteger(limit) || limit < 0 || limit > MOST) {
      socket.send(message)
      return
    }
    try {
      const primes = await server.compute.run(limit, { signal: left.signal })
      socket.send(JSON.stringify({ limit, primes }))
    } catch (error) {
      if (left.signal.aborted) return
      const code = error instanceof ShardwsError ? error.code : 'FAILED'
      socket.send(JSON.stringify({ limit, error: code }))
    }
  })
})

const { port } = await server.listen(Number(PORT), HOST)
console.log(`listening on http://${HOST}:${port}/`)

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    const { completed, runMs } = server.stats().compute
    console.log(`${completed} tasks, ${runMs.mean.toFixed(1)} ms each`)
    await server.shutdown()
  })
}
