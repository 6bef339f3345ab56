import { randomBytes } from 'node:crypto'
import { FIN_BINARY, FIN_CLOSE, FIN_PING, FIN_TEXT } from '../../load/frames.ts'
import type { Arena } from '../attackers/arena.ts'
import { atMost } from '../attackers/at-most.ts'
import { type Client, handshake } from '../attackers/client.ts'
import { frame, repeat } from '../attackers/frames.ts'
import { CALM_PATH, type Size } from '../protocol.ts'

/** How long a server may take for what it has been sent. */
const WORK_MS = 10_000
/** How long those who did not read may read in the end, to learn whether they have been thrown out. */
const LOOK_MS = 1500
const IDLE_MS = 500

/** Frames of one write. */
const BURST = 200
const BROADCAST_BYTES = 16 * 1024
/** Broadcasts under way: the sender waits until the server has seen them. */
const BROADCAST_WINDOW = 16
const MAX_CONTROL_BYTES = 125

/** `each` unique broadcasts of 16 KiB, caused by one client that reads, for many that do not. */
export async function neverRead(arena: Arena, { connections, each }: Size): Promise<void> {
  const sleepers = await arena.open(connections)
  for (const sleeper of sleepers) sleeper.stopReading()
  const [sender] = await arena.open(1, handshake({ path: CALM_PATH }))
  if (sender === undefined) throw new Error('the sender was refused')
  const unique = randomBytes(BROADCAST_BYTES)
  for (let sent = 0; sent < each && !sender.hasEnded; sent += BROADCAST_WINDOW) {
    for (let i = 0; i < BROADCAST_WINDOW; i++) {
      unique.writeUInt32LE(sent + i)
      await sender.write(frame(FIN_BINARY, unique))
    }
    await echo(sender)
  }
  await look(arena, sleepers)
}

/** `each` pings whose pongs are not read. */
export async function floodPings(arena: Arena, { connections, each }: Size): Promise<void> {
  const clients = await arena.open(connections)
  for (const client of clients) client.stopReading()
  const burst = repeat(frame(FIN_PING, Buffer.alloc(MAX_CONTROL_BYTES)), BURST)
  await atMost(WORK_MS, Promise.all(clients.map((client) => writeBursts(client, burst, each / BURST))))
  await look(arena, clients)
}

/** `each` messages of one byte, as fast as the line takes them, then a close frame: its answer ends the work. */
export async function floodMessages(arena: Arena, { connections, each }: Size): Promise<void> {
  const clients = await arena.open(connections)
  const burst = repeat(frame(FIN_BINARY, Buffer.from('x')), BURST)
  await atMost(WORK_MS, Promise.all(clients.map((client) => writeBursts(client, burst, each / BURST))))
  for (const client of clients) client.write(frame(FIN_CLOSE)).catch(() => {})
  await arena.ended(WORK_MS)
}

/** `each` messages of a kilobyte for a handler that takes its time, then a close frame. */
export async function outrunHandler(arena: Arena, { connections, each }: Size): Promise<void> {
  const clients = await arena.open(connections)
  const burst = repeat(frame(FIN_BINARY, Buffer.alloc(1024)), BURST)
  const sent = Promise.all(clients.map((client) => writeBursts(client, burst, each / BURST)))
  await atMost(
    WORK_MS,
    sent.then(() => Promise.all(clients.map(echo))),
  )
  for (const client of clients) client.write(frame(FIN_CLOSE)).catch(() => {})
  await arena.ended(LOOK_MS)
}

/** Connections that fall silent after one message of five bytes. */
export async function fallSilent(arena: Arena, { connections }: Size): Promise<void> {
  const clients = await arena.open(connections)
  await Promise.all(clients.map((client) => client.write(frame(FIN_BINARY, Buffer.from('hello')))))
  await arena.ended(IDLE_MS)
}

async function writeBursts(client: Client, burst: Buffer, bursts: number): Promise<void> {
  for (let sent = 0; sent < bursts && !client.hasEnded; sent++) await client.write(burst)
}

async function look(arena: Arena, clients: readonly Client[]): Promise<void> {
  for (const client of clients) client.startReading()
  await arena.ended(LOOK_MS)
}

/** Resolves when the server has got so far. */
async function echo(client: Client): Promise<void> {
  const answered = new Promise<void>((resolve) => {
    client.onText = resolve
  })
  await client.write(frame(FIN_TEXT, Buffer.from('so far')))
  await Promise.race([answered, client.ended])
}
