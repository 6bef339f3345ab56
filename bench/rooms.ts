/** What rooms cost: a publish by the number of shards with members, and the memory of a membership. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { WebSocketServer, type WebSocketServerOptions } from '../src/index.ts'

const SHARDS = 4
const PUBLISHES = 20_000
/** Published in one tick. */
const AT_ONCE = 20
const ROUNDS = 5
const MESSAGE = 'x'.repeat(64)

const ROOMS = 100_000
const CONNECTIONS = 1000

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

interface Cost {
  readonly inCallUs: number
  readonly cpuUs: number
}

interface Running {
  readonly server: WebSocketServer
  stop(): Promise<void>
}

async function start(options: WebSocketServerOptions, connections: number): Promise<Running> {
  const server = new WebSocketServer(options)
  const { port } = await server.listen(0, '127.0.0.1')
  const extension = fileURLToPath(import.meta.url).endsWith('.ts') ? 'ts' : 'js'
  const entry = fileURLToPath(new URL(`rooms-clients.${extension}`, import.meta.url))
  const clients: ChildProcess = fork(entry, [`${port}`, `${connections}`], { execArgv: [] })
  await Promise.race([
    once(clients, 'message'),
    once(clients, 'exit').then(() => Promise.reject(new Error('no clients'))),
  ])
  const stop = async (): Promise<void> => {
    await server.shutdown({ deadlineMs: 1000 })
    if (clients.exitCode !== null) return
    clients.disconnect()
    await once(clients, 'exit')
  }
  return { server, stop }
}

async function measurePublish(): Promise<void> {
  const { server, stop } = await start({ shards: SHARDS }, 4 * SHARDS)
  const byShard = Array.from({ length: SHARDS }, (_, shard) =>
    server.getConnections().find((id) => server.getConnection(id)?.shard === shard),
  )
  for (let shards = 0; shards <= SHARDS; shards++) {
    for (const id of byShard.slice(0, shards)) if (id !== undefined) server.join(id, `on ${shards}`)
  }
  console.log(
    `publish of ${MESSAGE.length} B, one member on each shard that has one, ${SHARDS} shards, ${AT_ONCE} a tick`,
  )
  console.log(`medians of ${ROUNDS} rounds, µs for each publish`)
  console.log('shards with a member | in publish() | CPU of all threads')
  const costs: Cost[][] = []
  for (let round = 0; round <= ROUNDS; round++) {
    for (let shards = 0; shards <= SHARDS; shards++) {
      const cost = await publishMany(server, `on ${shards}`, shards)
      // The first round warms up.
      if (round > 0) costs[shards] = [...(costs[shards] ?? []), cost]
    }
  }
  for (const [shards, rounds] of costs.entries()) {
    const inCall = median(rounds.map(({ inCallUs }) => inCallUs))
    const cpu = median(rounds.map(({ cpuUs }) => cpuUs))
    console.log(`${shards} | ${inCall.toFixed(2)} | ${cpu.toFixed(2)}`)
  }
  await stop()
}

async function publishMany(server: WebSocketServer, room: string, members: number): Promise<Cost> {
  const sentBefore = server.stats().messagesSent
  const cpu = process.cpuUsage()
  let inCallMs = 0
  for (let published = 0; published < PUBLISHES; published += AT_ONCE) {
    const begin = performance.now()
    for (let at = 0; at < AT_ONCE; at++) if (!server.publish(room, MESSAGE)) throw new Error('refused')
    inCallMs += performance.now() - begin
    await new Promise((resolve) => setImmediate(resolve))
  }
  while (server.stats().messagesSent - sentBefore < PUBLISHES * members)
    await new Promise((resolve) => setTimeout(resolve, 1))
  const { user, system } = process.cpuUsage(cpu)
  return { inCallUs: (inCallMs * 1000) / PUBLISHES, cpuUs: (user + system) / PUBLISHES }
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[values.length >> 1] ?? 0
}

/** `shards: 0` has both ends in the heap of this thread, `shards: 1` only main's. */
async function measureMemory(shards: number, membersPerRoom: number): Promise<void> {
  const limits = { maxRooms: ROOMS, maxRoomsPerConnection: 10 * ROOMS }
  const { server, stop } = await start({ shards, ...limits }, CONNECTIONS)
  const ids = server.getConnections()
  const before = await heapBytes()
  for (let member = 0; member < membersPerRoom; member++) {
    for (let room = 0; room < ROOMS; room++) {
      // Names come from outside: every one is a string of its own.
      if (!server.join(ids[(room + member * 7) % ids.length] ?? '', `user:${room}`)) throw new Error('refused')
      // The link's window is no part of what is measured.
      if (room % 10_000 === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const bytes = (await heapBytes()) - before
  const { rooms, memberships } = server.stats()
  const where = shards === 0 ? 'main and shard' : 'main alone'
  const each = [bytes / rooms, bytes / memberships].map((value) => value.toFixed(0))
  console.log(`${where} | ${rooms} rooms, ${memberships} memberships | ${each[0]} B a room | ${each[1]} B a membership`)
  await stop()
}

async function heapBytes(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setTimeout(resolve, 200))
    collectGarbage()
  }
  return process.memoryUsage().heapUsed
}

await measurePublish()
console.log(`\nmemory, ${CONNECTIONS} connections`)
for (const members of [1, 3]) for (const shards of [1, 0]) await measureMemory(shards, members)
