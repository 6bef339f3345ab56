import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { ServerFrames } from './server-frames.ts'

const TEXT = 1
const CLOSE = 8
const HEAD_END = '\r\n\r\n'

export interface Handshake {
  readonly path?: string
  /** Header fields besides those that every opening handshake has. */
  readonly fields?: Readonly<Record<string, string>>
}

/** A correct opening handshake (RFC 6455 §4.1); the key is constant, which a server cannot tell. */
export function handshake({ path = '/', fields = {} }: Handshake = {}): string {
  const more = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  return (
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n${more.join('')}\r\n`
  )
}

/** One TCP connection that knows how it ended: what the server answered, or how it hung up. */
export class Client {
  /** True once the answer is 101; false if the connection ends without. */
  readonly opened: Promise<boolean>
  /** `HTTP 400`, `close 1008`, `FIN`, `reset`, or what `leave` was told. */
  readonly ended: Promise<string>
  /** Called for every text message. */
  onText: () => void = () => {}
  readonly #socket: Socket
  readonly #frames = new ServerFrames((opcode, payload) => this.#onFrame(opcode, payload))
  #head: string | null = ''
  #hasEnded = false
  #settleOpened: (isOpen: boolean) => void = () => {}
  #settleEnded: (ending: string) => void = () => {}

  /** @param request what is written first: an opening handshake, or less. */
  constructor(port: number, request: string) {
    this.opened = new Promise((resolve) => {
      this.#settleOpened = resolve
    })
    this.ended = new Promise((resolve) => {
      this.#settleEnded = resolve
    })
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk))
    this.#socket.on('end', () => this.#end('FIN'))
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#end(nameOf(error)))
    this.#socket.on('close', () => this.#end('FIN'))
    this.#socket.write(request, 'latin1')
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** The opening handshake is done and nobody has hung up. */
  get isOpen(): boolean {
    return this.#head === null && !this.#hasEnded
  }

  /** Resolves when the kernel has taken all of it, or the connection has ended. */
  write(bytes: Buffer): Promise<void> {
    if (this.#hasEnded) return Promise.resolve()
    return new Promise((resolve) => {
      this.#socket.write(bytes, () => resolve())
    })
  }

  stopReading(): void {
    this.#socket.pause()
  }

  startReading(): void {
    this.#socket.resume()
  }

  /** Hangs up; resolves when the socket is closed. */
  async leave(ending: string): Promise<void> {
    const closed = this.#socket.closed ? null : once(this.#socket, 'close')
    this.#end(ending)
    await closed
  }

  #read(chunk: Buffer): void {
    if (this.#hasEnded) return
    if (this.#head === null) {
      this.#frames.push(chunk)
      return
    }
    this.#head += chunk.toString('latin1')
    const end = this.#head.indexOf(HEAD_END)
    if (end < 0) return
    const status = this.#head.slice('HTTP/1.1 '.length, 'HTTP/1.1 101'.length)
    if (status !== '101') {
      this.#end(`HTTP ${status}`)
      return
    }
    const rest = Buffer.from(this.#head.slice(end + HEAD_END.length), 'latin1')
    this.#head = null
    this.#settleOpened(true)
    this.#frames.push(rest)
  }

  #onFrame(opcode: number, payload: Buffer): void {
    if (opcode === TEXT) this.onText()
    if (opcode === CLOSE) this.#end(`close ${payload.length < 2 ? 1005 : payload.readUInt16BE(0)}`)
  }

  /** The first reason counts: what comes after it is its consequence. */
  #end(ending: string): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#settleOpened(false)
    this.#settleEnded(ending)
    this.#socket.destroy()
  }
}

function nameOf({ code, message }: NodeJS.ErrnoException): string {
  // A write after the server has closed is answered with a reset, too; EPIPE is how the next write learns of it.
  return code === 'ECONNRESET' || code === 'EPIPE' ? 'reset' : (code ?? message)
}
