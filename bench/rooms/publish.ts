import type { WebSocketServer } from '../../src/index.ts'
import { startShardws } from './servers.ts'

const SHARDS = 4
const PUBLISHES = 20_000
/** Published in one tick. */
const AT_ONCE = 20
const ROUNDS = 5
const MESSAGE = 'x'.repeat(64)

interface Cost {
  readonly inCallUs: number
  readonly cpuUs: number
}

/** What a publish costs by the number of shards that have a member. */
export async function measurePublish(): Promise<void> {
  const { server, stop } = await startShardws({ shards: SHARDS }, 4 * SHARDS)
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
