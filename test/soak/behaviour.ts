import type { Socket } from '../../src/handler.ts'
import { addresseeOf, decode, encode, Kind, MAIN, type Message, NO_ROOM } from './message.ts'

const NOTHING = Buffer.alloc(0)

/** What the application of the soak does, on main and in the shards alike. */
export const behaviour = {
  open(socket: Socket): void {
    reply(socket, { kind: Kind.Welcome, room: NO_ROOM, nonce: 0, publisher: MAIN, seq: 0 }, Buffer.from(socket.id))
  },
  message(socket: Socket, data: string | Buffer, isBinary: boolean): void {
    const message = decode(Buffer.from(data), !isBinary)
    if (message === null) throw new Error('a message has arrived damaged')
    const { kind, room } = message
    if (kind === Kind.Join) answer(socket, message, Kind.Joined, Number(socket.join(`${room}`)))
    else if (kind === Kind.Leave) answer(socket, message, Kind.Left, Number(socket.leave(`${room}`)))
    else if (kind === Kind.Sync) answer(socket, message, Kind.Synced, socket.shard)
    else if (kind === Kind.Echo) socket.send(data, isBinary)
    else if (!passOn(socket, message, data, isBinary)) answer(socket, message, Kind.Refused, 0)
  },
}

function passOn(socket: Socket, message: Message, data: string | Buffer, isBinary: boolean): boolean {
  if (message.kind === Kind.Direct) return socket.server.send(addresseeOf(message), data, isBinary)
  if (message.kind === Kind.Publish) return socket.publish(`${message.room}`, data, isBinary)
  return socket.server.broadcast(data, isBinary)
}

function answer(socket: Socket, { room, publisher, seq }: Message, kind: Kind, nonce: number): void {
  reply(socket, { kind, room, nonce, publisher, seq }, NOTHING)
}

/** Only a socket that ends, or whose slow reader has filled its queue, may refuse an answer. */
function reply(socket: Socket, header: Parameters<typeof encode>[0], body: Buffer): void {
  const isSent = socket.send(encode(header, body, false))
  if (!isSent && socket.readyState === 1 && socket.bufferedAmount === 0) throw new Error('an answer was refused')
}
