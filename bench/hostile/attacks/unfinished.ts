import { setTimeout as delay } from 'node:timers/promises'
import { FIN_BINARY } from '../../load/frames.ts'
import type { Arena } from '../attackers/arena.ts'
import { BINARY_FRAGMENT, CONTINUATION, frame, repeat } from '../attackers/frames.ts'
import type { Size } from '../protocol.ts'

/** How long a message that never ends is held open. */
const HOLD_MS = 1500

const ONE_BYTE = Buffer.from('x')
const NO_BYTES = Buffer.alloc(0)
const CHUNK_BYTES = 1024 * 1024
const DRIP_INTERVAL_MS = 50

/** Lengths that a server must not believe, sent with nothing behind them. */
const GIANT_BYTES = [2 ** 62, 2 ** 30]

/** `each` fragments of one byte without a last one. */
export function oneByteFragments(arena: Arena, size: Size): Promise<void> {
  return holdFragments(arena, size, ONE_BYTE)
}

export function emptyFragments(arena: Arena, size: Size): Promise<void> {
  return holdFragments(arena, size, NO_BYTES)
}

async function holdFragments(arena: Arena, { connections, each }: Size, payload: Buffer): Promise<void> {
  const first = frame(BINARY_FRAGMENT, payload)
  const fragments = Buffer.concat([first, repeat(frame(CONTINUATION, payload), each - 1)])
  const clients = await arena.open(connections)
  await Promise.all(clients.map((client) => client.write(fragments)))
  await arena.ended(HOLD_MS)
}

/** Each connection declares one length, in turn 2^62, 1 GiB and one byte too many, and sends nothing. */
export async function declareTooMuch(arena: Arena, { connections }: Size): Promise<void> {
  const lengths = [...GIANT_BYTES, 1024 * 1024 + 1]
  const clients = await arena.open(connections)
  await Promise.all(
    clients.map((client, index) => client.write(frame(FIN_BINARY, NO_BYTES, lengths[index % lengths.length]))),
  )
  await arena.ended(HOLD_MS)
}

/** The largest message that the server allows, without its last byte. `each`: megabytes to send in all. */
export async function withholdLastByte(arena: Arena, { connections, each }: Size): Promise<void> {
  const { maxPayload } = arena.target
  const declared = Math.min(maxPayload, each * CHUNK_BYTES)
  const chunk = Buffer.alloc(CHUNK_BYTES)
  const clients = await arena.open(connections)
  await Promise.all(
    clients.map(async (client) => {
      await client.write(frame(FIN_BINARY, NO_BYTES, declared))
      for (let left = declared - 1; left > 0; left -= CHUNK_BYTES) {
        await client.write(chunk.subarray(0, Math.min(left, CHUNK_BYTES)))
      }
    }),
  )
  await arena.ended(HOLD_MS)
}

/** A message of a kilobyte, `each` bytes of it one at a time. */
export async function drip(arena: Arena, { connections, each }: Size): Promise<void> {
  const clients = await arena.open(connections)
  for (const client of clients) await client.write(frame(FIN_BINARY, NO_BYTES, 1024))
  for (let sent = 0; sent < each; sent++) {
    await delay(DRIP_INTERVAL_MS)
    await Promise.all(clients.map((client) => client.write(ONE_BYTE)))
  }
  await arena.ended(DRIP_INTERVAL_MS)
}
