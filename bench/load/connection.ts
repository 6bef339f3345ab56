import { createHash, randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import type { ExpectedStream } from './expected-stream.ts'

/** RFC 6455 §1.3 */
const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const HEAD_END = '\r\n\r\n'

/** One buffer for all connections: a read is verified before the callback returns and never kept. */
export const READ_BUFFER_BYTES = 64 * 1024
const readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)

export interface ConnectionEvents {
  /** `frames` more whole frames of the expected stream have arrived. */
  received(frames: number): void
  failed(reason: string): void
}

/** A WebSocket client that knows only one reply, so it neither parses nor copies. */
export class Connection {
  readonly #socket: Socket
  readonly #expected: ExpectedStream
  readonly #events: ConnectionEvents
  readonly #key = randomBytes(16).toString('base64')
  readonly #opened: () => void
  #head: string | null = ''
  /** Bytes of the frame that is still arriving. */
  #partialBytes = 0

  private constructor(
    port: number,
    path: string,
    expected: ExpectedStream,
    events: ConnectionEvents,
    opened: () => void,
  ) {
    this.#expected = expected
    this.#events = events
    this.#opened = opened
    this.#socket = connect({
      port,
      host: '127.0.0.1',
      onread: {
        buffer: readBuffer,
        callback: (bytes) => {
          this.#read(bytes)
          return true
        },
      },
    })
    this.#socket.setNoDelay(true)
    this.#socket.on('error', (error) => events.failed(`connection error: ${error.message}`))
    this.#socket.on('end', () => events.failed('the server closed a connection'))
    this.#socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Key: ${this.#key}\r\nSec-WebSocket-Version: 13${HEAD_END}`,
    )
  }

  /** Resolves when the opening handshake is done; a refusal is reported through `events.failed`. */
  static open(port: number, path: string, expected: ExpectedStream, events: ConnectionEvents): Promise<Connection> {
    return new Promise((resolve) => {
      const connection: Connection = new Connection(port, path, expected, events, () => resolve(connection))
    })
  }

  write(frames: Buffer): void {
    this.#socket.write(frames)
  }

  #read(bytes: number): void {
    if (this.#head !== null) {
      this.#readHead(readBuffer.toString('latin1', 0, bytes))
      return
    }
    if (!this.#expected.matches(readBuffer, bytes, this.#partialBytes)) {
      this.#events.failed('a reply differs from the message sent')
      return
    }
    const arrived = this.#partialBytes + bytes
    this.#partialBytes = arrived % this.#expected.frameBytes
    const frames = (arrived - this.#partialBytes) / this.#expected.frameBytes
    if (frames > 0) this.#events.received(frames)
  }

  #readHead(chunk: string): void {
    const head = this.#head + chunk
    const end = head.indexOf(HEAD_END)
    if (end < 0) {
      this.#head = head
      return
    }
    const accept = createHash('sha1')
      .update(this.#key + ACCEPT_GUID)
      .digest('base64')
    if (!head.startsWith('HTTP/1.1 101 ')) {
      this.#events.failed(`handshake refused: ${head.slice(0, head.indexOf('\r\n'))}`)
    } else if (!head.includes(`: ${accept}\r\n`)) {
      // Field names are case-insensitive, and no other field can hold this digest.
      this.#events.failed('wrong Sec-WebSocket-Accept')
    } else if (head.length > end + HEAD_END.length) {
      this.#events.failed('bytes after the handshake, before anything was sent')
    } else {
      this.#head = null
      this.#opened()
    }
  }
}
