import { Duplex } from 'node:stream'
import type { MessagePort } from 'node:worker_threads'
import { ShardwsError } from '../errors.ts'
import {
  Flushed,
  HalfClose,
  PassedOn,
  postBytes,
  RELAY_WINDOW,
  type RelayClosed,
  type RelayMessage,
} from './relay-messages.ts'

type Callback = (error?: Error | null) => void

/** A relayed connection on its way from one shard to another. */
export interface RelayState {
  /** Bytes that main will accept. */
  readonly credit: number
  /** Bytes that were received and that main has not been credited for. */
  readonly uncredited: number
  /** What was received and not read. */
  readonly unread: Uint8Array
  /** Nothing follows that. */
  readonly hasEnded: boolean
}

const FRESH: RelayState = { credit: RELAY_WINDOW, uncredited: 0, unread: new Uint8Array(0), hasEnded: false }

/** The shard's end of a relayed connection; behaves like a half-open `net.Socket`, 'finish' and 'close' included. */
export class RelaySocket extends Duplex {
  readonly #port: MessagePort
  /** Bytes that main will accept. */
  #credit: number
  #isPassedOn = false
  #hasEnded = false
  #unsent: { readonly bytes: Uint8Array; readonly sent: Callback } | null = null
  /** Bytes of the write at hand that main has been given. */
  #given = 0
  #flushed: Callback | null = null
  #received = 0
  #credited = 0

  constructor(port: MessagePort, { credit, uncredited, unread, hasEnded }: RelayState = FRESH) {
    super({ allowHalfOpen: true, readableHighWaterMark: RELAY_WINDOW })
    this.#port = port
    this.#credit = credit
    this.#received = uncredited
    if (unread.length > 0) this.push(Buffer.from(unread.buffer, unread.byteOffset, unread.length))
    if (hasEnded) this.#end()
    port.on('message', (message: RelayMessage) => this.#receive(message))
    // Main's last message destroys this stream first, unless unread bytes still wait for the reader.
    port.once('close', () => this.#closeWhenRead())
  }

  /** Bytes that were written and that main does not accept yet. */
  get untakenBytes(): number {
    return this.writableLength - this.#given
  }

  /** Gives the port up: another thread goes on from this state. It is not read, and has no write under way. */
  passOn(): { readonly port: MessagePort; readonly state: RelayState } {
    this.#isPassedOn = true
    this.#port.removeAllListeners()
    this.#port.postMessage(PassedOn satisfies RelayMessage)
    this.removeAllListeners('data')
    const unread = this.#takeUnread()
    const uncredited = this.#received - this.#credited
    return { port: this.#port, state: { credit: this.#credit, uncredited, unread, hasEnded: this.#hasEnded } }
  }

  /** Part by part: from Node 26 on a read returns no more than one. */
  #takeUnread(): Uint8Array {
    const parts: Buffer[] = []
    for (let part = super.read(); part !== null; part = super.read()) parts.push(part as Buffer)
    return new Uint8Array(Buffer.concat(parts))
  }

  #end(): void {
    this.#hasEnded = true
    this.push(null)
  }

  #receive(message: RelayMessage): void {
    if (message instanceof Uint8Array) this.#deliver(message)
    else if (typeof message === 'number') this.#addCredit(message)
    else if (message === HalfClose) this.#end()
    else if (message === Flushed) this.#flushed?.()
    else if (message !== PassedOn) this.#closedByMain(message)
  }

  #deliver(bytes: Uint8Array): void {
    this.#received += bytes.length
    this.push(Buffer.from(bytes.buffer))
    this.#creditConsumed()
  }

  #closedByMain({ failure }: RelayClosed): void {
    if (failure === null) return this.#closeWhenRead()
    this.destroy(Object.assign(new Error(failure.message), { code: failure.code }))
  }

  #closeWhenRead(): void {
    const waiting = this.readableLength > 0
    if (waiting) this.once('end', () => this.destroy())
    // Without the peer's half-close this 'end' never comes by itself.
    if (waiting) this.push(null)
    else this.destroy()
  }

  override _read(): void {
    // Bytes come when main sends them; the window, not this call, is what bounds them.
  }

  /** Called for all bytes that were buffered, unlike `_read`, which stops once the buffer runs low. */
  override read(size?: number): Buffer | null {
    const bytes = super.read(size) as Buffer | null
    this.#creditConsumed()
    return bytes
  }

  #creditConsumed(): void {
    const consumed = this.#received - this.#credited - this.readableLength
    if (consumed < RELAY_WINDOW / 4) return
    this.#credited += consumed
    this.#port.postMessage(consumed satisfies RelayMessage)
  }

  override _write(bytes: Uint8Array, _encoding: BufferEncoding, sent: Callback): void {
    this.#unsent = { bytes, sent }
    this.#send()
  }

  #addCredit(length: number): void {
    this.#credit += length
    this.#send()
  }

  #send(): void {
    if (this.#unsent === null || this.#credit <= 0) return
    const { bytes, sent } = this.#unsent
    const length = Math.min(bytes.length, this.#credit)
    this.#credit -= length
    postBytes(this.#port, bytes.subarray(0, length))
    this.#given += length
    this.#unsent = length < bytes.length ? { bytes: bytes.subarray(length), sent } : null
    if (this.#unsent !== null) return
    this.#given = 0
    sent()
  }

  /** 'finish' waits until the client's stream has taken everything, so a `destroy()` after it loses nothing. */
  override _final(flushed: Callback): void {
    this.#flushed = flushed
    this.#port.postMessage(HalfClose satisfies RelayMessage)
  }

  override _destroy(error: Error | null, destroyed: Callback): void {
    if (!this.#isPassedOn) this.#port.close()
    // The stream answers the writes it queued by itself, but not the one that is under way.
    this.#unsent?.sent(error ?? new ShardwsError('TRANSPORT_FAILED'))
    this.#unsent = null
    destroyed(error)
  }
}
