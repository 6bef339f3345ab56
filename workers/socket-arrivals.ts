import type { Duplex } from 'node:stream'
import type { ConnectionKey } from '../src/shared/connection-key.ts'
import type { ReadInto, Taker } from '../src/shared/handoff/strategy.ts'
import type { Ticket } from '../src/shared/ticket.ts'
import type { Connection } from './connection.ts'

/** How long a socket may be on its way: main, which forwards it, may be blocked. */
const ARRIVAL_MS = 60_000

interface Expected {
  readonly connection: ReadInto
  /** The index of the shard that has given it back. */
  readonly from: number
  readonly open: (socket: Duplex | null) => void
  readonly deadline: NodeJS.Timeout
}

/** Connections that have come from another shard, and their sockets, which come by way of main: whichever is first waits. */
export class SocketArrivals {
  readonly #taker: Taker
  readonly #expected = new Map<ConnectionKey, Expected>()
  readonly #tickets = new Map<ConnectionKey, Ticket>()
  /** Those that have not come in time. */
  readonly #missed = new Set<ConnectionKey>()

  constructor(taker: Taker) {
    this.#taker = taker
  }

  /** `open` is called once: with null if the socket never will arrive. */
  expect(connection: Connection, from: number, open: (socket: Duplex | null) => void): void {
    const { key } = connection
    const deadline = setTimeout(() => {
      this.#missed.add(key)
      this.#giveUp(key)
    }, ARRIVAL_MS)
    this.#expected.set(key, { connection, from, open, deadline })
    this.#meet(key)
  }

  /** Main forwards nothing more that this shard has given back. */
  onShardGone(index: number): void {
    for (const [key, { from }] of this.#expected) if (from === index) this.#giveUp(key)
  }

  /** Whoever is awaited never will arrive. */
  stop(): void {
    for (const key of this.#expected.keys()) this.#giveUp(key)
  }

  onTicket(key: ConnectionKey, ticket: Ticket): void {
    if (this.#missed.delete(key)) return this.#taker.take(ticket, null, (socket) => socket?.destroy())
    this.#tickets.set(key, ticket)
    this.#meet(key)
  }

  #giveUp(key: ConnectionKey): void {
    const { deadline, open } = this.#expected.get(key) as Expected
    this.#expected.delete(key)
    clearTimeout(deadline)
    open(null)
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
