import type { Duplex } from 'node:stream'
import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { Counter } from '../src/shared/counters.ts'
import type { Taker } from '../src/shared/handoff/strategy.ts'
import { type Adopt, type FrontOptions, type OpenGate, SendFlag, type TlsContexts } from '../src/shared/messages.ts'
import { CloseCode } from '../src/shared/protocol/close-codes.ts'
import type { HereTicket } from '../src/shared/ticket.ts'
import type { Admission } from './admission.ts'
import type { Application } from './application.ts'
import { Connection, type ConnectionOwner } from './connection.ts'
import type { ConnectionContext } from './connection-context.ts'
import type { Front, FrontShard } from './front.ts'
import { openWith } from './socket-arrivals.ts'

/** The shard that adopts. */
interface AdoptingShard extends ConnectionOwner {
  readonly connections: Map<ConnectionKey, Connection>
  readonly context: ConnectionContext
  readonly application: Application
  readonly admission: Admission
  readonly isStopping: boolean
  /** Whether it may keep the connections that come. */
  readonly isWelcoming: boolean
}

/** Passed in, as only a shard that clients come to unread has the code of a front loaded. */
export type CreateFront = (options: FrontOptions, shard: FrontShard) => Front

/** How new connections come to this shard: main has written the 101 and gives the socket, or it is here already, in the front. */
export class Adoption {
  #front: Front | null = null
  readonly #shard: AdoptingShard
  readonly #taker: Taker
  readonly #createFront: CreateFront | null

  /** @param createFront null: no gate is ever opened. */
  constructor(shard: AdoptingShard, taker: Taker, createFront: CreateFront | null) {
    this.#shard = shard
    this.#taker = taker
    this.#createFront = createFront
  }

  /** Null: no connection comes unread. */
  get front(): Front | null {
    return this.#front
  }

  /** Connections come to this shard unread from now on. Again: from another acceptor, as the former one has died. */
  openGate({ port, front }: OpenGate): void {
    this.#front ??= this.#createFront?.(front, this.#shard) ?? null
    this.#front?.open(port)
    if (this.#shard.isStopping) this.#front?.stop()
  }

  /** For connections that come unread from now on. */
  secure(contexts: TlsContexts): void {
    this.#front?.secure(contexts)
  }

  adopt({ key, head, agreement, isWatched, greeting, handled, ticket }: Adopt): void {
    const { application, connections, context } = this.#shard
    // Known from now on: what main posts behind the ticket must not get lost if the socket arrives after it.
    const connection = new Connection(key, context, agreement, this.#shard)
    if (isWatched) connection.pings.watch()
    connections.set(key, connection)
    context.counters.add(Counter.CONNECTIONS, 1)
    if (greeting !== null) connection.outbound.relay(Buffer.from(greeting), SendFlag.PLAIN)
    if (handled !== null) application.adopt(connection, handled)
    if (ticket.via !== 'here') this.#taker.take(ticket, connection, (socket) => this.#open(connection, socket, head))
    else if (this.#front === null) this.#open(connection, null, null)
    else this.#front.take(ticket as HereTicket, connection, (socket, read) => this.#open(connection, socket, read))
  }

  /** Nobody comes unread any more. */
  stop(): void {
    this.#front?.stop()
  }

  #open(connection: Connection, socket: Duplex | null, head: Uint8Array | null): void {
    this.#shard.context.counters.add(socket === null ? Counter.ADOPT_FAILED : Counter.ADOPTED, 1)
    openWith(connection, socket, head)
    if (!this.#shard.isWelcoming) connection.close(CloseCode.SERVICE_RESTART, 'shard replaced')
  }
}
