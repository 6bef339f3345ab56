/** What a scrape of `metricsHandler` costs with many connections and rooms, at rest and while messages are published. */
import { once } from 'node:events'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { performance } from 'node:perf_hooks'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { metricsHandler } from '../src/metrics/handlers.ts'
import { type ShardwsRooms, startShardws } from './rooms/servers.ts'

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '10000' },
    rooms: { type: 'string', default: '100000' },
    scrapes: { type: 'string', default: '200' },
  },
})
const [connections, rooms, scrapes] = [values.connections, values.rooms, values.scrapes].map(Number) as [
  number,
  number,
  number,
]

const JOINS_AT_ONCE = 5000
const PUBLISH_EVERY_MS = 10
const PUBLISHED_AT_ONCE = 50

interface Cost {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly cpuMs: number
  readonly bytes: number
  readonly series: number
}

async function measure(port: number): Promise<Cost> {
  const times: number[] = []
  let body = ''
  const before = process.cpuUsage()
  for (let count = 0; count < scrapes; count++) {
    const beganMs = performance.now()
    const request = get({ port, host: '127.0.0.1', agent: false })
    const [response] = await once(request, 'response')
    body = await text(response)
    times.push(performance.now() - beganMs)
  }
  const { user, system } = process.cpuUsage(before)
  times.sort((one, other) => one - other)
  return {
    p50Ms: times[Math.floor(scrapes * 0.5)] ?? 0,
    p99Ms: times[Math.floor(scrapes * 0.99)] ?? 0,
    cpuMs: (user + system) / 1000 / scrapes,
    bytes: body.length,
    series: body.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length,
  }
}

/** Microseconds of the main thread for one call. */
function callUs(call: () => unknown): number {
  for (let count = 0; count < 1000; count++) call()
  const beganMs = performance.now()
  for (let count = 0; count < 1000; count++) call()
  return performance.now() - beganMs
}

async function joinRooms({ server, join }: ShardwsRooms): Promise<void> {
  for (let room = 0; room < rooms; room++) {
    join(room % connections, `user:${room}`)
    // The link's window is no part of what is measured.
    if (room % JOINS_AT_ONCE === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  if (server.rooms.count !== rooms) throw new Error(`${server.rooms.count} rooms instead of ${rooms}`)
}

/** Returns what ends it. */
function publishSteadily({ server }: ShardwsRooms): () => void {
  let room = 0
  const timer = setInterval(() => {
    for (let count = 0; count < PUBLISHED_AT_ONCE; count++) server.publish(`user:${room++ % rooms}`, 'hello')
  }, PUBLISH_EVERY_MS)
  return () => clearInterval(timer)
}

async function report(name: string, { server }: ShardwsRooms, port: number): Promise<void> {
  const { p50Ms, p99Ms, cpuMs, bytes, series } = await measure(port)
  const calls = [callUs(() => server.stats()), callUs(() => server.health())]
  const figures = [p50Ms, p99Ms, cpuMs, ...calls].map((value) => value.toFixed(2))
  console.log([name, ...figures, bytes, series].join(' | '))
}

const options = { maxConnections: connections + 100, maxRooms: rooms, maxRoomsPerConnection: rooms }
console.log('CPU is that of the whole process: the scraper, the shards and the messages are in it')
console.log('state | p50 ms | p99 ms | CPU ms a scrape | stats() µs | health() µs | bytes | series')
for (const count of [1, connections]) {
  const engine = await startShardws({ shards: 1, ...options }, count)
  const http = createServer(metricsHandler(engine.server))
  await once(http.listen(0, '127.0.0.1'), 'listening')
  const { port } = http.address() as AddressInfo
  if (count === 1) await report('1 connection, no room', engine, port)
  else {
    await joinRooms(engine)
    await report(`${count} connections, ${rooms} rooms`, engine, port)
    const stop = publishSteadily(engine)
    await report('the same, 5000 messages a second', engine, port)
    stop()
  }
  http.close()
  await engine.stop()
}
