import { crc32 } from 'node:zlib'
import type { Random } from '../fuzz/random.ts'

/** What a message of the soak is. Those up to `Final` go from a client to the server, the others back. */
export const Kind = {
  /** Goes on to everyone in the room as it is, as do `Broadcast` and `Final` to everyone and `Direct` to one. */
  Publish: 1,
  Broadcast: 2,
  /** The body begins with the length and the id of the connection that it is for. */
  Direct: 3,
  Join: 4,
  Leave: 5,
  /** Asks for a `Synced` behind everything that was asked for before. */
  Sync: 6,
  Echo: 7,
  /** The last message of a publisher's thread: whatever it has sent before has arrived when this one does. */
  Final: 8,
  /** The body is the id of the connection. */
  Welcome: 16,
  /** Answers to the message with the same number; `nonce` is 1 for yes. */
  Joined: 17,
  Left: 18,
  /** The server has refused to send the message with this number. */
  Refused: 19,
  /** `nonce` is the shard. */
  Synced: 20,
} as const
export type Kind = (typeof Kind)[keyof typeof Kind]

/** The room of messages that are for none. */
export const NO_ROOM = 255

/** The number under which the server itself publishes; clients have greater ones. */
export const MAIN = 0

export interface Header {
  readonly kind: Kind
  /** 0 to 254, or `NO_ROOM`. */
  readonly room: number
  /** Two bytes. */
  readonly nonce: number
  readonly publisher: number
  /** Of the publisher, counting whatever it sends. */
  readonly seq: number
}

export interface Message extends Header {
  readonly body: Buffer
}

const HEADER_BYTES = 16
const CRC_AT = 12
const WORDS = 'a shard owns its frames, its heartbeat — and 送信 queues from then on; '

/** Header, checksum of header and body, body; in text the first two are hexadecimal. */
export function encode({ kind, room, nonce, publisher, seq }: Header, body: Buffer, isText: boolean): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt8(kind, 0)
  header.writeUInt8(room, 1)
  header.writeUInt16BE(nonce & 0xffff, 2)
  header.writeUInt32BE(publisher, 4)
  header.writeUInt32BE(seq, 8)
  header.writeUInt32BE(checksum(header, body), CRC_AT)
  return Buffer.concat([isText ? Buffer.from(header.toString('hex')) : header, body])
}

/** Null: the checksum is wrong. */
export function decode(bytes: Buffer, isText: boolean): Message | null {
  const headerEnd = isText ? HEADER_BYTES * 2 : HEADER_BYTES
  const start = bytes.subarray(0, headerEnd)
  const header = isText ? Buffer.from(start.toString('latin1'), 'hex') : start
  const body = bytes.subarray(headerEnd)
  if (header.length < HEADER_BYTES || header.readUInt32BE(CRC_AT) !== checksum(header, body)) return null
  return {
    kind: header.readUInt8(0) as Kind,
    room: header.readUInt8(1),
    nonce: header.readUInt16BE(2),
    publisher: header.readUInt32BE(4),
    seq: header.readUInt32BE(8),
    body,
  }
}

/** 0 to 64 KiB, most of them short, in text of characters of one to three bytes. */
export function randomBody(random: Random, isText: boolean): Buffer {
  const most = random.weighted([
    [40, 64],
    [40, 512],
    [18, 4096],
    [2, 65_000],
  ])
  const size = random.below(most)
  const filling = isText ? WORDS : random.bytes(32)
  const body = Buffer.alloc(size, filling)
  // The last character may be cut.
  return isText ? Buffer.from(body.toString().replace(/\ufffd+$/, '')) : body
}

export function addressed(id: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([id.length]), Buffer.from(id), body])
}

export function addresseeOf({ body }: Message): string {
  return body.toString('latin1', 1, 1 + body.readUInt8(0))
}

function checksum(header: Buffer, body: Buffer): number {
  return crc32(body, crc32(header.subarray(0, CRC_AT)))
}
