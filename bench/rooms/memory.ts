import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type RoomServer, startShardws, startSocketIo } from './servers.ts'

const ROOMS = 100_000
const CONNECTIONS = 1000
const MEMBERS = [1, 3]

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** What rooms cost the heap: `shards: 0` has both ends in the heap of this thread, `shards: 1` only main's. */
export async function measureMemory(): Promise<void> {
  console.log(`\nheap of ${ROOMS} rooms, ${CONNECTIONS} connections`)
  console.log('server | members of a room | B a room | B a membership')
  const limits = { maxRooms: ROOMS, maxRoomsPerConnection: 10 * ROOMS }
  for (const members of MEMBERS) {
    for (const [shards, where] of [
      [1, 'main alone'],
      [0, 'main and shard'],
    ] as const) {
      await report(await startShardws({ shards, ...limits }, CONNECTIONS), `shardws, ${where}`, members)
    }
    const socketIo = await startSocketIo(CONNECTIONS)
    if (socketIo !== null) await report(socketIo, socketIo.name, members)
  }
}

async function report(server: RoomServer, name: string, members: number): Promise<void> {
  const before = await heapBytes()
  for (let member = 0; member < members; member++) {
    for (let room = 0; room < ROOMS; room++) {
      // Names come from outside: every one is a string of its own.
      server.join((room + member * 7) % CONNECTIONS, `user:${room}`)
      // The link's window is no part of what is measured.
      if (room % 10_000 === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const bytes = (await heapBytes()) - before
  const each = [bytes / ROOMS, bytes / (ROOMS * members)].map((value) => value.toFixed(0))
  console.log(`${name} | ${members} | ${each.join(' | ')}`)
  await server.stop()
}

async function heapBytes(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setTimeout(resolve, 200))
    collectGarbage()
  }
  return process.memoryUsage().heapUsed
}
