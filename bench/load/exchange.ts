import { randomBytes } from 'node:crypto'
import { constants, deflateRawSync } from 'node:zlib'
import { answerTo, requestOf } from '../json-app.ts'
import type { Work } from '../works.ts'
import { CompressedReplies } from './compressed-replies.ts'
import { READ_BUFFER_BYTES } from './connection.ts'
import { clientFrame, FIN_RSV1_TEXT, FIN_TEXT, serverFrame } from './frames.ts'
import { RepeatedFrame, type Replies } from './replies.ts'

/** What a connection writes as one batch, and what it must receive for it. */
export interface Exchange {
  readonly batch: Buffer
  readonly replies: Replies
}

/** RFC 7692 §7.2.1: the four bytes that a compressed message leaves out at its end. */
const TAIL_BYTES = 4

/** Returns what makes one connection's exchange. Messages are the same for all, binary or JSON, or compressed and all different. */
export function exchanges(work: Work, mirror: boolean): () => Exchange {
  if (work.deflate === true) return () => compressed(json(work.payloadBytes))
  if (work.app === 'json') return answered(requestOf(work.payloadBytes), work.inFlight)
  const payload = randomBytes(work.payloadBytes)
  const frame = clientFrame(payload)
  // A mirror returns the key too, so there must be one only; a server is given as many as a client would use.
  return repeated(
    work.inFlight,
    mirror ? () => frame : () => clientFrame(payload),
    mirror ? frame : serverFrame(payload),
  )
}

function answered(request: string, inFlight: number): () => Exchange {
  const frame = serverFrame(Buffer.from(answerTo(request)), FIN_TEXT)
  return repeated(inFlight, () => clientFrame(Buffer.from(request), FIN_TEXT), frame)
}

/** The same reply for every message. */
function repeated(inFlight: number, next: () => Buffer, reply: Buffer): () => Exchange {
  const batch = Buffer.concat(Array.from({ length: inFlight }, next))
  const expected = new RepeatedFrame(reply, READ_BUFFER_BYTES)
  return () => ({ batch, replies: expected.replies() })
}

function compressed(payload: Buffer): Exchange {
  const body = deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH })
  const batch = clientFrame(body.subarray(0, body.length - TAIL_BYTES), FIN_RSV1_TEXT)
  return { batch, replies: new CompressedReplies(payload) }
}

/**
 * What an application sends: a JSON text of exactly `bytes`, with names that repeat and values that do not. The texts are
 * the same in every run, so that servers can be compared by what they write.
 */
function json(bytes: number): Buffer {
  const items = Array.from({ length: Math.ceil(bytes / 32) }, () => ({
    id: random(1 << 16),
    user: `user-${random(256)}`,
    online: random(2) === 1,
    lastSeen: 1_700_000_000 + random(1 << 24),
  }))
  return Buffer.from(JSON.stringify({ type: 'presence', room: 'general', items })).subarray(0, bytes)
}

let seed = 1

/** A linear congruential generator: Math.random cannot be seeded. */
function random(below: number): number {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
  return Math.floor((seed / 2 ** 32) * below)
}
