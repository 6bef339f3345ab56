import type { Duplex } from 'node:stream'
import type { ConnectionKey } from '../src/shared/connection-key.ts'
import type { ReadInto, Taker } from '../src/shared/handoff/strategy.ts'
import type { Ticket } from '../src/shared/ticket.ts'
import type { Connection } from './connection.ts'

/** How long a socket may be on its way: the shard that has given it back may have died. */
const ARRIVAL_MS = 5000

interface Expected {
  readonly connection: ReadInto
  readonly open: (socket: Duplex | null) => void
  readonly deadline: NodeJS.Timeout
}

/** Connections that have come from another shard, and their sockets, which come by way of main: whichever is first waits. */
export class SocketArrivals {
  readonly #taker: Taker
  readonly #expected = new Map<ConnectionKey, Expected>()
  readonly #tickets = new Map<ConnectionKey, Ticket>()

  constructor(taker: Taker) {
    this.#taker = taker
  }

  /** `open` is called once: with null if the socket never will arrive. */
  expect(connection: Connection, open: (socket: Duplex | null) => void): void {
    const { key } = connection
    const deadline = setTimeout(() => {
      this.#expected.delete(key)
      open(null)
    }, ARRIVAL_MS)
    this.#expected.set(key, { connection, open, deadline })
    this.#meet(key)
  }

  /** Whoever is awaited never will arrive. */
  stop(): void {
    const all = [...this.#expected.values()]
    this.#expected.clear()
    for (const { deadline, open } of all) {
      clearTimeout(deadline)
      open(null)
    }
  }

  onTicket(key: ConnectionKey, ticket: Ticket): void {
    this.#tickets.set(key, ticket)
    this.#meet(key)
  }

  #meet(key: ConnectionKey): void {
    const expected = this.#expected.get(key)
    const ticket = this.#tickets.get(key)
    if (expected === undefined || ticket === undefined) return
    this.#expected.delete(key)
    this.#tickets.delete(key)
    clearTimeout(expected.deadline)
    this.#taker.take(ticket, expected.connection, expected.open)
  }
}

/** Null: the socket never will arrive. */
export function openWith(connection: Connection, socket: Duplex | null, head: Uint8Array | null = null): void {
  if (socket === null) connection.abandon()
  else connection.open(socket, head)
}
