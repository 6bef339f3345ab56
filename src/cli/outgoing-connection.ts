import type { Socket } from 'node:net'
import type { ShardwsError } from '../shared/errors.ts'
import { CloseCode, encodeCloseBody } from '../shared/protocol/close-codes.ts'
import { FrameParser } from '../shared/protocol/frame-parser.ts'
import { encodeMaskedFrame } from '../shared/protocol/frame-writer.ts'
import { Opcode } from '../shared/protocol/opcodes.ts'
import { MaskKeys } from './mask-keys.ts'
import { type OpenedSocket, type OpeningRequest, openSocket } from './outgoing-request.ts'

/** How a connection has ended. */
export interface Closure {
  /** 1006: without a close frame of the server. */
  readonly code: number
  readonly reason: string
  /** What went wrong, null when nothing did. */
  readonly error: Error | null
}

/** What a connection tells; never before `open` has resolved and its caller has run. */
export interface ConnectionListener {
  /** `payload` is valid during the call only. */
  onMessage(payload: Buffer, isBinary: boolean): void
  onPing?(payload: Buffer): void
  onPong?(payload: Buffer): void
  /** The last call. */
  onClosed(closure: Closure): void
}

/** Bytes of one message; a larger one closes with 1009. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024
const LIMITS = {
  maxPayload: MAX_MESSAGE_BYTES,
  maxCompressedSize: MAX_MESSAGE_BYTES,
  maxFragments: 1_000_000,
  allowRsv1: false,
}
/** For the server's close frame, and then for the end of the TCP connection. */
const CLOSE_TIMEOUT_MS = 5000

const maskKeys = new MaskKeys()

/** A connection to a server, of either end's making as strict as the other: RFC 6455 without extensions. */
export class OutgoingConnection {
  /** The subprotocol agreed on, '' for none. */
  readonly protocol: string
  readonly #socket: Socket
  readonly #listener: ConnectionListener
  readonly #parser: FrameParser
  #closeTimer: NodeJS.Timeout | null = null
  #wasCloseSent = false
  #code: number = CloseCode.ABNORMAL_CLOSURE
  #reason = ''
  #error: Error | null = null

  private constructor({ socket, head, protocol }: OpenedSocket, listener: ConnectionListener) {
    this.protocol = protocol
    this.#socket = socket
    this.#listener = listener
    this.#parser = new FrameParser('client', LIMITS, {
      onMessage: (payload, isBinary) => listener.onMessage(payload, isBinary),
      onPing: (payload) => this.#onPing(payload),
      onPong: (payload) => listener.onPong?.(payload),
      onClose: (code, reason) => this.#onCloseFrame(code, reason),
    })
    socket.setNoDelay(true)
    socket.on('error', (error) => {
      this.#error ??= error
    })
    socket.on('close', () => this.#onEnd())
    // Not now: the caller does not have the connection yet that it will be told about.
    setImmediate(() => {
      if (head.length > 0) this.#read(head)
      socket.on('data', (bytes) => this.#read(bytes))
    })
  }

  /** Rejects with CommandError, RefusedError or an error of the socket. */
  static async open(opening: OpeningRequest, listener: ConnectionListener): Promise<OutgoingConnection> {
    return new OutgoingConnection(await openSocket(opening), listener)
  }

  /** Neither end has begun to close it. */
  get isOpen(): boolean {
    return !this.#wasCloseSent && !this.#socket.destroyed
  }

  /** Bytes that the kernel has not taken yet. */
  get queuedBytes(): number {
    return this.#socket.writableLength
  }

  /** Calls once, when everything queued has been written. */
  onDrain(listener: () => void): void {
    this.#socket.once('drain', listener)
  }

  /** Ignored when the connection is not open. */
  send(payload: Uint8Array, isBinary: boolean): void {
    if (this.isOpen) this.#write(isBinary ? Opcode.BINARY : Opcode.TEXT, payload)
  }

  /** At most 125 bytes. */
  ping(payload: Uint8Array): void {
    if (this.isOpen) this.#write(Opcode.PING, payload)
  }

  /** Begins the closing handshake; `code` is one that may be sent. */
  close(code: number = CloseCode.NORMAL_CLOSURE, reason = ''): void {
    if (!this.isOpen) return
    this.#write(Opcode.CLOSE, encodeCloseBody(code, reason))
    this.#wasCloseSent = true
    this.#awaitEnd()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #write(opcode: Opcode, payload: Uint8Array): void {
    this.#socket.write(encodeMaskedFrame(opcode, payload, maskKeys.next()))
  }

  #read(bytes: Buffer): void {
    // What is sent in answer to these bytes leaves in one write.
    this.#socket.cork()
    const violation = this.#parser.push(bytes)
    if (violation !== null) this.#fail(violation)
    this.#socket.uncork()
  }

  #onPing(payload: Buffer): void {
    if (this.isOpen) this.#write(Opcode.PONG, payload)
    this.#listener.onPing?.(payload)
  }

  #onCloseFrame(code: number, reason: string): void {
    this.#code = code
    this.#reason = reason
    // RFC 6455 §5.5.1: answered with the same code. §7.1.1: it is the server that ends the TCP connection.
    this.close(code)
    this.#awaitEnd()
  }

  /** RFC 6455 §7.1.7 */
  #fail(violation: ShardwsError): void {
    this.#error = violation
    this.close(violation.closeCode)
    this.#socket.destroySoon()
  }

  #awaitEnd(): void {
    if (this.#closeTimer !== null) clearTimeout(this.#closeTimer)
    this.#closeTimer = setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT_MS)
  }

  #onEnd(): void {
    if (this.#closeTimer !== null) clearTimeout(this.#closeTimer)
    this.#parser.stop()
    // After a close frame a reset says no more than a FIN.
    const error = this.#code === CloseCode.ABNORMAL_CLOSURE ? this.#error : null
    this.#listener.onClosed({ code: this.#code, reason: this.#reason, error })
  }
}
