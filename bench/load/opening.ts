import { createHash, randomBytes } from 'node:crypto'
import type { Work } from '../works.ts'

/** RFC 6455 §1.3 */
const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const HEAD_END = '\r\n\r\n'

/** Without takeover both ways: every message is compressed by itself. */
const DEFLATE = 'permessage-deflate'
const DEFLATE_OFFER = `Sec-WebSocket-Extensions: ${DEFLATE}; server_no_context_takeover; client_no_context_takeover\r\n`

/** One request and the only answers to it that are right; made once for all connections of a load. */
export class Opening {
  readonly request: string
  /** Whether it is made over TLS. */
  readonly isSecure: boolean
  readonly #accept: string
  readonly #deflate: boolean

  constructor(port: number, path: string, work: Pick<Work, 'deflate' | 'tls'>) {
    const deflate = work.deflate === true
    this.isSecure = work.tls === true
    const key = randomBytes(16).toString('base64')
    this.#accept = createHash('sha1')
      .update(key + ACCEPT_GUID)
      .digest('base64')
    this.#deflate = deflate
    this.request =
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n${deflate ? DEFLATE_OFFER : ''}\r\n`
  }

  /** What is wrong with `answer`, null when it is right, undefined while it is incomplete. */
  fault(answer: string): string | null | undefined {
    const end = answer.indexOf(HEAD_END)
    if (end < 0) return undefined
    if (!answer.startsWith('HTTP/1.1 101 ')) return `handshake refused: ${answer.slice(0, answer.indexOf('\r\n'))}`
    // Field names are case-insensitive, and no other field can hold this digest.
    if (!answer.includes(`: ${this.#accept}\r\n`)) return 'wrong Sec-WebSocket-Accept'
    if (answer.includes(`: ${DEFLATE}`) !== this.#deflate) return 'wrong Sec-WebSocket-Extensions'
    if (answer.length > end + HEAD_END.length) return 'bytes after the handshake, before anything was sent'
    return null
  }
}
