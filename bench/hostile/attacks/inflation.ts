import { constants, deflateRawSync } from 'node:zlib'
import { FIN_CLOSE } from '../../load/frames.ts'
import type { Arena } from '../attackers/arena.ts'
import { handshake } from '../attackers/client.ts'
import { FIN_COMPRESSED_BINARY, frame } from '../attackers/frames.ts'
import type { Size } from '../protocol.ts'

const MEGABYTE = 1024 * 1024
const BOMB_MEGABYTES = 64

/** How long a server may take for what it has been sent. */
const WORK_MS = 10_000

const OFFER = handshake({ fields: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } })

/** `each` messages of 64 KiB that inflate to 64 MiB, one after the other. */
export function bombs(arena: Arena, size: Size): Promise<void> {
  return sendInflating(arena, size, BOMB_MEGABYTES)
}

/** `each` messages of a kilobyte that inflate to a megabyte, just what is allowed, as fast as the line takes them. */
export function inflateAtLineRate(arena: Arena, size: Size): Promise<void> {
  return sendInflating(arena, size, 1)
}

async function sendInflating(arena: Arena, { connections, each }: Size, megabytes: number): Promise<void> {
  const message = frame(FIN_COMPRESSED_BINARY, compressedZeros(megabytes))
  const clients = await arena.open(connections, OFFER)
  await Promise.all(
    clients.map(async (client) => {
      for (let sent = 0; sent < each && !client.hasEnded; sent++) await client.write(message)
      await client.write(frame(FIN_CLOSE))
    }),
  )
  await arena.ended(WORK_MS)
}

/** RFC 7692 §7.2.1: the four bytes that end a flush are left out. */
function compressedZeros(megabytes: number): Buffer {
  const megabyte = deflateRawSync(Buffer.alloc(MEGABYTE), { finishFlush: constants.Z_FULL_FLUSH })
  return Buffer.concat(Array.from({ length: megabytes }, () => megabyte)).subarray(0, -4)
}
