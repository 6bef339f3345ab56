import type { Duplex } from 'node:stream'
import type { ConnectionKey } from '../src/shared/connection-key.ts'
import { Counter } from '../src/shared/counters.ts'
import type { Taker } from '../src/shared/handoff/strategy.ts'
import type { Arrive, Forward } from '../src/shared/messages.ts'
import { CloseCode } from '../src/shared/protocol/close-codes.ts'
import type { StrategyName } from '../src/shared/ticket.ts'
import { encodeError } from '../src/shared/values.ts'
import type { Application } from './application.ts'
import { Connection, type ConnectionOwner } from './connection.ts'
import type { ConnectionContext } from './connection-context.ts'
import type { ConnectionSnapshot } from './connection-snapshot.ts'
import { hasFreeDescriptor } from './free-descriptor.ts'
import { holdWithin } from './hold-within.ts'
import { Pause } from './inbound.ts'
import { Moves, type MovesHost } from './moves.ts'
import type { Rooms } from './rooms.ts'
import type { SiblingLink } from './sibling-link.ts'
import { openWith, SocketArrivals } from './socket-arrivals.ts'

const STAYS = Promise.resolve(false)

/** Where connections leave and arrive. */
export interface PassageShard extends ConnectionOwner {
  readonly index: number
  readonly connections: Map<ConnectionKey, Connection>
  readonly siblings: ReadonlyMap<number, SiblingLink>
  readonly rooms: Rooms
  readonly application: Application
  readonly context: ConnectionContext
}

/** What moves do to the connections of this shard: those that leave are packed and given away, those that come unpacked. */
export class Passage implements MovesHost {
  readonly moves: Moves
  readonly #shard: PassageShard
  readonly #taker: Taker
  readonly #strategy: StrategyName
  readonly #arrivals: SocketArrivals

  constructor(shard: PassageShard, taker: Taker, strategy: StrategyName) {
    this.#shard = shard
    this.#taker = taker
    this.#strategy = strategy
    this.#arrivals = new SocketArrivals(taker)
    this.moves = new Moves(this)
  }

  get index(): number {
    return this.#shard.index
  }

  get siblings(): ReadonlyMap<number, SiblingLink> {
    return this.#shard.siblings
  }

  /** Main has nothing more that this shard has given away. */
  onShardGone(index: number): void {
    this.#arrivals.onShardGone(index)
  }

  /** Nobody is waited for any longer. */
  stop(): void {
    this.#arrivals.stop()
  }

  async hold(key: ConnectionKey, sibling: SiblingLink, isPatient: boolean): Promise<boolean> {
    const { application, connections } = this.#shard
    // Before it is held: nobody has to wait for that.
    if (!(await sibling.giver(this.#strategy))) return false
    // While it is on its way it has two. After the cut it could not stay.
    if (this.#strategy !== 'relay' && !hasFreeDescriptor()) return false
    const connection = connections.get(key)
    return connection !== undefined && holdWithin(connection, application, isPatient)
  }

  unhold(key: ConnectionKey): void {
    this.#shard.connections.get(key)?.unhold()
  }

  give(move: number, key: ConnectionKey, sibling: SiblingLink): Promise<boolean> {
    const connection = this.#shard.connections.get(key)
    // Its end has been told.
    if (connection === undefined) return STAYS
    const socket = connection.isMovable ? this.#pack(connection) : undefined
    // It has begun to end, also by what the handler has just done: it shall do so here.
    if (socket === undefined || !connection.isMovable) {
      connection.unhold()
      return STAYS
    }
    const arrive = {
      kind: 'arrive',
      move,
      key,
      connection: connection.snapshot(),
      rooms: [...this.#shard.rooms.namesOf(connection)],
      socket,
    } as const
    const transport = connection.detach() as Duplex
    this.#shard.application.release(key)
    this.#shard.remove(connection)
    transport.on('error', () => {})
    try {
      const given = sibling.give(transport, key, this.#taker, (ticket, transfer) => {
        sibling.arrive({ ...arrive, ticket }, transfer)
      })
      this.#shard.context.counters.add(Counter.MOVED_OUT, 1)
      return Promise.resolve(given).then(() => true)
    } catch (error) {
      transport.destroy()
      this.#shard.context.counters.add(Counter.ADOPT_FAILED, 1)
      this.#shard.context.link.threw(key, encodeError(error))
      this.#shard.context.link.closed(key, CloseCode.ABNORMAL_CLOSURE, 'the connection could not be moved')
      return STAYS
    }
  }

  /** Undefined: the handler does not let go of it. It ends, because what is for it goes to another shard already. */
  #pack(connection: Connection): Uint8Array | null | undefined {
    try {
      return this.#shard.application.pack(connection.key)
    } catch (error) {
      this.#shard.context.link.threw(connection.key, encodeError(error))
      connection.close(CloseCode.SERVICE_RESTART, 'shard replaced')
      return undefined
    }
  }

  arrive({ move, key, connection: snapshot, rooms, socket, ticket }: Arrive, from: SiblingLink): void {
    const state = snapshot as ConnectionSnapshot
    const connection = new Connection(key, this.#shard.context, state.agreement, this.#shard)
    connection.restore(state)
    this.#shard.connections.set(key, connection)
    this.#shard.context.counters.add(Counter.CONNECTIONS, 1)
    this.#shard.context.counters.add(Counter.MOVED_IN, 1)
    for (const room of rooms) this.#shard.rooms.join(connection, room)
    if (this.#shard.context.table.isHeld(key)) connection.pause()
    const { application } = this.#shard
    // Until main has heard everything that the former shard had to tell.
    application.reports.hold(key)
    if (socket !== null) application.unpack(connection, socket as Uint8Array)
    if (this.moves.arrive(move, connection)) application.reports.release(key)
    else connection.pause(Pause.MOVING)
    const open = (taken: Duplex | null): void => {
      if (taken === null) this.#shard.context.counters.add(Counter.ADOPT_FAILED, 1)
      openWith(connection, taken)
      this.moves.opened(move)
    }
    if (ticket.via === 'main') this.#arrivals.expect(connection, from.index, open)
    else from.taker?.take(ticket, connection, open)
  }

  /** What another shard has given back to main for this one. */
  forward({ key, ticket }: Forward): void {
    this.#arrivals.onTicket(key, ticket)
  }

  terminate(key: ConnectionKey): void {
    this.#shard.connections.get(key)?.terminate()
  }

  prepared(move: number, keys: readonly ConnectionKey[]): void {
    this.#shard.context.link.prepared(move, keys)
  }

  movedOut(move: number, stayed: readonly ConnectionKey[]): void {
    this.#shard.application.reports.flush()
    this.#shard.context.link.movedOut(move, stayed)
  }

  arrived(move: number): void {
    this.#shard.context.link.arrived(move)
  }

  lost(key: ConnectionKey): void {
    this.#shard.context.link.closed(key, CloseCode.ABNORMAL_CLOSURE, 'the shard ended')
  }

  started(connection: Connection): void {
    this.#shard.application.reports.release(connection.key)
    connection.resume(Pause.MOVING)
  }
}
