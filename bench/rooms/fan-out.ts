import { type RoomServer, startShardws, startSocketIo } from './servers.ts'

const MEMBERS = 400
const SHARDS = [0, 1, 2, 4]
const TEXT = 'x'.repeat(64)
/** Published in one tick; the next ones follow when every member has them. */
const IN_FLIGHT = [1, 8]
const BATCHES = 60
const WARM_UP_BATCHES = 20

/** What a delivery costs in one room whose members are spread over all shards, CPU of all threads of the server. */
export async function measureFanOut(): Promise<void> {
  console.log(`\nfan-out of ${TEXT.length} B to ${MEMBERS} members on all shards, µs of CPU for each delivery`)
  console.log(`server | ${IN_FLIGHT.map((count) => `${count} at once`).join(' | ')}`)
  for (const shards of SHARDS) await report(await startShardws({ shards }, MEMBERS))
  const socketIo = await startSocketIo(MEMBERS)
  if (socketIo === null) console.log('Socket.IO 4.8 | not installed: npm run bench:peers')
  else await report(socketIo)
}

async function report(server: RoomServer): Promise<void> {
  for (let connection = 0; connection < MEMBERS; connection++) server.join(connection, 'everybody')
  const costs: string[] = []
  for (const inFlight of IN_FLIGHT) {
    await publish(server, inFlight, WARM_UP_BATCHES)
    const before = process.cpuUsage()
    await publish(server, inFlight, BATCHES)
    const { user, system } = process.cpuUsage(before)
    costs.push(((user + system) / (BATCHES * inFlight * MEMBERS)).toFixed(2))
  }
  console.log(`${server.name} | ${costs.join(' | ')}`)
  await server.stop()
}

async function publish(server: RoomServer, inFlight: number, batches: number): Promise<void> {
  const bytes = server.frameBytes(TEXT) * MEMBERS * inFlight
  for (let batch = 0; batch < batches; batch++) {
    for (let count = 0; count < inFlight; count++) server.publish('everybody', TEXT)
    await server.received(bytes)
  }
}
