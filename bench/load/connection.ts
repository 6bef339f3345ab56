import { connect, type Socket, type TcpNetConnectOpts } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Opening } from './opening.ts'
import type { Replies } from './replies.ts'

/** One buffer for all connections: a read is verified before the callback returns and never kept. */
export const READ_BUFFER_BYTES = 64 * 1024
const readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)

export interface ConnectionEvents {
  /** `frames` more whole frames of the expected replies have arrived, in `bytes`. */
  received(frames: number, bytes: number): void
  failed(reason: string): void
  /** The server has closed. Default: a failure. */
  ended?(): void
}

/** A WebSocket client that knows only one reply, so it neither parses nor copies. */
export class Connection {
  readonly #socket: Socket
  readonly #opening: Opening
  readonly #replies: Replies
  readonly #events: ConnectionEvents
  readonly #opened: () => void
  #head: string | null = ''

  private constructor(port: number, opening: Opening, replies: Replies, events: ConnectionEvents, opened: () => void) {
    this.#opening = opening
    this.#replies = replies
    this.#events = events
    this.#opened = opened
    const target: TcpNetConnectOpts = {
      port,
      host: '127.0.0.1',
      onread: {
        buffer: readBuffer,
        callback: (bytes) => {
          this.#read(bytes)
          return true
        },
      },
    }
    // Everything but the cost of trusting the certificate is as in real life.
    this.#socket = opening.isSecure ? connectTls({ ...target, rejectUnauthorized: false }) : connect(target)
    this.#socket.setNoDelay(true)
    this.#socket.on('error', (error) => events.failed(`connection error: ${error.message}`))
    if (events.ended === undefined) this.#socket.on('end', () => events.failed('the server closed a connection'))
    else this.#socket.on('close', events.ended)
    this.#socket.write(opening.request)
  }

  /** Resolves when the opening handshake is done; a refusal is reported through `events.failed`. */
  static open(port: number, opening: Opening, replies: Replies, events: ConnectionEvents): Promise<Connection> {
    return new Promise((resolve) => {
      const connection: Connection = new Connection(port, opening, replies, events, () => resolve(connection))
    })
  }

  write(frames: Buffer): void {
    this.#socket.write(frames)
  }

  #read(bytes: number): void {
    if (this.#head !== null) {
      this.#readHead(this.#head + readBuffer.toString('latin1', 0, bytes))
      return
    }
    const frames = this.#replies.take(readBuffer, bytes)
    if (typeof frames === 'string') this.#events.failed(frames)
    else this.#events.received(frames, bytes)
  }

  #readHead(head: string): void {
    const fault = this.#opening.fault(head)
    if (typeof fault === 'string') return this.#events.failed(fault)
    this.#head = fault === null ? null : head
    if (fault === null) this.#opened()
  }
}
