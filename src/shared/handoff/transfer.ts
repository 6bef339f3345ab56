import type { Duplex } from 'node:stream'
import type { TransferListItem } from 'node:worker_threads'
import { ShardwsError } from '../errors.ts'
import type { Ticket } from '../ticket.ts'
import { surrender, type TcpHandle, wrapTcp } from './handle.ts'
import type { Giver, ReadInto, Taker } from './strategy.ts'

interface TransferTicket extends Ticket {
  readonly via: 'transfer'
  readonly handle: TcpHandle
}

/**
 * The TCP handle itself in a transfer list. Node refuses an upgraded `net.Socket` because it has read, but not its
 * handle. A port whose peer is gone closes the handle; only a `worker.postMessage` after the worker's exit would
 * leak it, which is why tickets travel on the link's own port.
 */
export class TransferGiver implements Giver {
  readonly name = 'transfer'
  #closed = false

  give(socket: Duplex, post: (ticket: Ticket, transfer: TransferListItem[]) => void): void {
    if (this.#closed) throw new ShardwsError('NOT_TRANSFERABLE', 'the giver is closed')
    surrender(socket, (handle) => {
      const ticket: TransferTicket = { via: 'transfer', handle }
      post(ticket, [handle as unknown as TransferListItem])
      // Node posts a copy and closes this one. Without a descriptor for the copy it drops the message and says nothing.
      if (handle.fd >= 0) throw new Error('there is no descriptor for its copy: see ulimit -n')
    })
  }

  /** Nothing is held here: what was posted belongs to the port. */
  close(): void {
    this.#closed = true
  }
}

export class TransferTaker implements Taker {
  readonly ready = Promise.resolve()
  #closed = false

  take(ticket: Ticket, readInto: ReadInto | null, adopt: (socket: Duplex | null) => void): void {
    const { handle } = ticket as TransferTicket
    if (!this.#closed) return adopt(wrapTcp(handle, readInto))
    // Nobody else refers to the handle and garbage collection would not close it.
    handle.close()
    adopt(null)
  }

  close(): void {
    this.#closed = true
  }
}
