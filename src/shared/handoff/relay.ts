import type { Duplex } from 'node:stream'
import { MessageChannel, type MessagePort, type TransferListItem } from 'node:worker_threads'
import { ShardwsError } from '../errors.ts'
import type { Ticket } from '../ticket.ts'
import { releaseReading } from './reading.ts'
import {
  Flushed,
  HalfClose,
  PassedOn,
  postBytes,
  RELAY_WINDOW,
  type RelayClosed,
  type RelayMessage,
} from './relay-messages.ts'
import { RelaySocket, type RelayState } from './relay-socket.ts'
import type { Giver, ReadInto, Taker } from './strategy.ts'

interface RelayTicket extends Ticket {
  readonly via: 'relay'
  readonly port: MessagePort
  /** Of a connection that comes from another shard. */
  readonly state?: RelayState
}

/**
 * Bytes over a port of their own: for streams that cannot leave their thread (TLS, HTTP/2, user-made) and where
 * nothing better works. Every byte crosses both event loops, so a busy main thread delays these connections.
 */
export class RelayGiver implements Giver {
  readonly name = 'relay'
  readonly #live = new Set<Duplex>()
  #closed = false

  give(socket: Duplex, post: (ticket: Ticket, transfer: TransferListItem[]) => void): void {
    if (this.#closed) throw new ShardwsError('NOT_TRANSFERABLE', 'the giver is closed')
    if (socket.destroyed) throw new ShardwsError('NOT_TRANSFERABLE', 'socket is closed')
    if (socket instanceof RelaySocket) return passOn(socket, post)
    const { port1, port2 } = new MessageChannel()
    const ticket: RelayTicket = { via: 'relay', port: port2 }
    try {
      post(ticket, [port2])
    } catch (cause) {
      port1.close()
      throw new ShardwsError('NOT_TRANSFERABLE', 'socket could not be posted', { cause })
    }
    this.#live.add(socket)
    const forget = (): void => void this.#live.delete(socket)
    socket.once('close', forget)
    port1.on('message', (message: RelayMessage) => {
      if (message === PassedOn) forget()
    })
    forward(socket, port1)
    answer(socket, port1)
    releaseReading(socket)
  }

  close(): void {
    this.#closed = true
    for (const socket of this.#live) socket.destroy()
  }
}

/** From one shard to another: main goes on at its end of the port. */
function passOn(socket: RelaySocket, post: (ticket: Ticket, transfer: TransferListItem[]) => void): void {
  const { port, state } = socket.passOn()
  const ticket: RelayTicket = { via: 'relay', port, state }
  post(ticket, [port])
  socket.destroy()
}

/** What the client sends, and the end of it, to the shard; reading stops while the shard's window is full. */
function forward(socket: Duplex, port: MessagePort): void {
  const closed: RelayClosed = { failure: null }
  let credit = RELAY_WINDOW
  const post = (message: RelayMessage): void => port.postMessage(message)
  const postEnd = (): void => post(HalfClose)

  port.on('message', (message: RelayMessage) => {
    if (typeof message !== 'number') return
    credit += message
    if (credit > 0) socket.resume()
  })
  // One chunk may overrun the window: it is in memory already and holding it back would not free any.
  socket.on('data', (chunk: Buffer) => {
    credit -= chunk.length
    postBytes(port, chunk)
    if (credit <= 0) socket.pause()
  })
  // Holding a TLS socket does not hold back the 'end' of one that has nothing more to read.
  if (socket.readableEnded) postEnd()
  else socket.once('end', postEnd)
  socket.on('error', (error: NodeJS.ErrnoException) => {
    closed.failure = { message: error.message, code: error.code ?? 'ERR_RELAY' }
  })
  socket.once('close', () => {
    post(closed)
    port.close()
  })
}

/** What the shard writes, and the end of it, to the client; bytes are credited when the stream has taken them. */
function answer(socket: Duplex, port: MessagePort): void {
  let written = 0
  const credit = (length: number): void => {
    written += length
    if (written < RELAY_WINDOW / 4) return
    port.postMessage(written)
    written = 0
  }

  port.on('message', (message: RelayMessage) => {
    if (message instanceof Uint8Array) socket.write(message, () => credit(message.length))
    else if (message === HalfClose) socket.end(() => port.postMessage(Flushed))
  })
  // The shard destroyed its end, died, or never will take the ticket.
  port.once('close', () => socket.destroy())
}

export class RelayTaker implements Taker {
  readonly ready = Promise.resolve()
  #closed = false

  take(ticket: Ticket, readInto: ReadInto | null, adopt: (socket: Duplex | null) => void): void {
    const { port, state } = ticket as RelayTicket
    if (this.#closed) {
      port.close()
      return adopt(null)
    }
    const socket = new RelaySocket(port, state)
    if (readInto !== null) socket.on('data', (bytes: Buffer) => readInto.onRead(bytes))
    adopt(socket)
  }

  close(): void {
    this.#closed = true
  }
}
