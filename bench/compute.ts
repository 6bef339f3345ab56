/** What a handler that needs 5 ms of CPU does to the latency of other connections: on main, and with `compute.run`. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { WebSocketServer } from '../src/index.ts'
import hashChain from './compute-task.ts'

const TASK_MS = 5
/** Half of one core. */
const HEAVY_PER_SECOND = 100

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '4' } } })
const milliseconds = Number(values.seconds) * 1000
const extension = extname(import.meta.url)

interface Trips {
  readonly light: readonly number[]
  readonly heavy: readonly number[]
}

type Work = (rounds: number) => unknown

/** How many rounds take `TASK_MS` on this machine. */
function calibrate(): number {
  const rounds = 2000
  hashChain(rounds)
  const times = Array.from({ length: 5 }, () => {
    const beganMs = performance.now()
    hashChain(rounds)
    return performance.now() - beganMs
  })
  return Math.round((rounds * TASK_MS) / Math.min(...times))
}

async function measure(name: string, heavyPerSecond: number, workOf: (server: WebSocketServer) => Work): Promise<void> {
  const filename = new URL(`compute-task${extension}`, import.meta.url)
  const server = new WebSocketServer({ shards: 1, compute: { filename, maxThreads: 1 } })
  const work = workOf(server)
  server.on('message', async (id, message) => {
    if (message.length === 'heavy'.length && message.toString() === 'heavy') await work(rounds)
    server.send(id, message)
  })
  const { port } = await server.listen(0, '127.0.0.1')
  await server.compute.run(1)
  const entry = fileURLToPath(new URL(`compute-clients${extension}`, import.meta.url))
  const clients = fork(entry, [`${port}`, `${milliseconds}`, `${heavyPerSecond}`], { execArgv: [] })
  const [trips] = (await Promise.race([
    once(clients, 'message'),
    once(clients, 'exit').then(() => Promise.reject(new Error('the clients have ended'))),
  ])) as [Trips]
  await once(clients, 'exit')
  await server.shutdown({ deadlineMs: 1000 })
  const perSecond = (trips.heavy.length * 1000) / milliseconds
  console.log([name, ...describe(trips.light), ...describe(trips.heavy), perSecond.toFixed(0)].join(' | '))
}

/** p50 and p99 in milliseconds. */
function describe(trips: readonly number[]): string[] {
  const sorted = [...trips].sort((one, other) => one - other)
  return [0.5, 0.99].map((share) => sorted[Math.floor(share * sorted.length)]?.toFixed(2) ?? '–')
}

const rounds = calibrate()
console.log(
  `up to ${HEAVY_PER_SECOND} requests a second that need ${TASK_MS} ms of CPU each; 4 other connections; 1 shard`,
)
console.log(`round trips in ms, ${values.seconds} s each`)
console.log('where | others p50 | others p99 | requests p50 | requests p99 | answered a second')
await measure('no such requests', 0, () => hashChain)
await measure('handler on main', HEAVY_PER_SECOND, () => hashChain)
await measure('compute.run', HEAVY_PER_SECOND, (server) => (task) => server.compute.run(task))
