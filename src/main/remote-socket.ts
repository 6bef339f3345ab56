import { Duplex } from 'node:stream'
import type { TransferListItem } from 'node:worker_threads'
import type { Knock } from '../shared/messages.ts'
import type { HereTicket, Ticket } from '../shared/ticket.ts'

/** Where a client's socket is. */
interface VisitedShard {
  readonly link: {
    answer(visit: number, answer: Uint8Array): void
    dismiss(visit: number): void
  }
}

/**
 * Stands for the socket of a client whose request a shard has read, while main decides about it. What is written here the
 * client gets when the socket is ended, or passed on; there is nothing to read. Of `net.Socket` and `TLSSocket` it has what
 * tells who the client is.
 */
export class RemoteSocket<Shard extends VisitedShard = VisitedShard> extends Duplex {
  readonly shard: Shard
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  readonly encrypted: boolean
  readonly servername: string
  readonly authorized: boolean
  /** Milliseconds that the client has needed for its request. */
  readonly waitedMs: number
  readonly #visit: number
  readonly #certificate: object
  readonly #written: Uint8Array[] = []
  #isAnswered = false

  constructor(shard: Shard, visit: number, knock: Knock) {
    super({ allowHalfOpen: true })
    this.shard = shard
    this.remoteAddress = knock.remoteAddress
    this.remotePort = knock.remotePort
    this.encrypted = knock.isEncrypted
    this.servername = knock.servername
    this.authorized = knock.isAuthorized
    this.waitedMs = knock.waitedMs
    this.#visit = visit
    this.#certificate = knock.certificate ?? {}
    this.on('error', () => {})
  }

  /** As that of `TLSSocket`, without `issuerCertificate`. */
  getPeerCertificate(): object {
    return this.#certificate
  }

  /** The client is gone, and main has nothing to say to it. */
  withdraw(): void {
    this.#isAnswered = true
    this.destroy()
  }

  /** The shard keeps the socket for itself; the client gets what was written here. */
  passOn(post: (ticket: Ticket, transfer: TransferListItem[]) => void): void {
    const ticket: HereTicket = { via: 'here', visit: this.#visit, answer: Buffer.concat(this.#written) }
    this.#isAnswered = true
    post(ticket, [])
    this.destroy()
  }

  override _read(): void {}

  override _write(bytes: Uint8Array, _encoding: BufferEncoding, written: () => void): void {
    this.#written.push(bytes)
    written()
  }

  override _final(ended: () => void): void {
    this.#isAnswered = true
    this.shard.link.answer(this.#visit, Buffer.concat(this.#written))
    ended()
    // Nothing of the client follows either.
    this.push(null)
  }

  override _destroy(error: Error | null, destroyed: (error: Error | null) => void): void {
    if (!this.#isAnswered) this.shard.link.dismiss(this.#visit)
    destroyed(error)
  }
}
