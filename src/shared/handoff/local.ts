import type { Duplex } from 'node:stream'
import type { TransferListItem } from 'node:worker_threads'
import { ShardwsError } from '../errors.ts'
import type { Ticket } from '../ticket.ts'
import { surrender, type TcpHandle, tcpHandleOf, wrapTcp } from './handle.ts'
import type { Giver, ReadInto, Taker } from './strategy.ts'

interface LocalTicket extends Ticket {
  readonly via: 'local'
  readonly sequence: number
}

/** A socket between `give` and `take`; the port between them carries only its number. */
type Parked = { readonly handle: TcpHandle } | { readonly stream: Duplex }

const parked = new Map<number, Parked>()
let lastSequence = 0

/** Giver for a shard that runs on this very thread (`shards: 0`). */
export class LocalGiver implements Giver {
  readonly name = 'local'
  readonly #given = new Set<number>()
  #closed = false

  give(socket: Duplex, post: (ticket: Ticket, transfer: TransferListItem[]) => void): void {
    if (this.#closed) throw new ShardwsError('NOT_TRANSFERABLE', 'the giver is closed')
    if (socket.destroyed) throw new ShardwsError('NOT_TRANSFERABLE', 'socket is closed')
    const sequence = ++lastSequence
    const ticket: LocalTicket = { via: 'local', sequence }
    if (tcpHandleOf(socket) === undefined) {
      post(ticket, [])
      // Until it is adopted nobody else listens, and an unheard 'error' would end the process.
      socket.on('error', () => {})
      parked.set(sequence, { stream: socket })
    } else {
      surrender(socket, (handle) => {
        post(ticket, [])
        parked.set(sequence, { handle })
      })
    }
    this.#forgetTaken()
    this.#given.add(sequence)
  }

  close(): void {
    this.#closed = true
    for (const sequence of this.#given) discard(sequence)
    this.#given.clear()
  }

  /** Tickets are taken in order, so the set never holds more than what is on its way. */
  #forgetTaken(): void {
    for (const sequence of this.#given) {
      if (parked.has(sequence)) return
      this.#given.delete(sequence)
    }
  }
}

export class LocalTaker implements Taker {
  readonly ready = Promise.resolve()
  #closed = false

  take(ticket: Ticket, readInto: ReadInto | null, adopt: (socket: Duplex | null) => void): void {
    const { sequence } = ticket as LocalTicket
    if (this.#closed) discard(sequence)
    const arrived = parked.get(sequence)
    parked.delete(sequence)
    if (arrived === undefined) return adopt(null)
    if ('handle' in arrived) return adopt(wrapTcp(arrived.handle, readInto))
    adoptStream(arrived.stream, readInto, adopt)
  }

  close(): void {
    this.#closed = true
  }
}

function discard(sequence: number): void {
  const found = parked.get(sequence)
  parked.delete(sequence)
  if (found === undefined) return
  if ('handle' in found) found.handle.close()
  else found.stream.destroy()
}

function adoptStream(stream: Duplex, readInto: ReadInto | null, adopt: (socket: Duplex | null) => void): void {
  if (stream.destroyed) return adopt(null)
  if (readInto === null) return adopt(stream)
  // Copied because the chunk is the stream's own and may be shared, while `onRead` may write into what it gets.
  stream.on('data', (chunk: Buffer) => readInto.onRead(Buffer.from(chunk)))
  // Resuming takes effect in the next tick, and the adopter may still pause: hence before `adopt`.
  stream.resume()
  // An 'end' from before the hand-off is repeated for the adopter, who could not hear it.
  if (stream.readableEnded) process.nextTick(() => stream.destroyed || stream.emit('end'))
  adopt(stream)
}
