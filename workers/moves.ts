import type { ConnectionKey } from '../src/shared/connection-key.ts'
import type { Moving } from '../src/shared/messages.ts'
import type { Connection } from './connection.ts'
import { MAIN } from './main-link.ts'
import { type Action, MoveArrival } from './move-arrival.ts'
import type { SiblingLink } from './sibling-link.ts'

/** Connections that leave this shard. */
interface Departure {
  readonly to: number
  readonly keys: readonly ConnectionKey[]
  /** Who sends them nothing more by way of this shard. */
  readonly cuts: Set<number>
  /** Those that do move, once somebody has made its cut. */
  moving: Moving | null
  leaving: ReadonlySet<ConnectionKey>
}

const NOBODY: readonly ConnectionKey[] = []

export interface MovesHost {
  readonly index: number
  readonly siblings: ReadonlyMap<number, SiblingLink>
  /** Gets a connection ready to leave. Fulfilled with whether it is, after a moment, or if `isPatient` a while; never rejects. */
  hold(key: ConnectionKey, sibling: SiblingLink, isPatient: boolean): Promise<boolean>
  /** It stays after all. */
  unhold(key: ConnectionKey): void
  /**
   * Sends it away with all its state, in this tick. Fulfilled, when its socket is on its way, with whether it has left: one
   * that has begun to end meanwhile stays. Never rejects.
   */
  give(move: number, key: ConnectionKey, sibling: SiblingLink): Promise<boolean>
  terminate(key: ConnectionKey): void
  prepared(move: number, keys: readonly ConnectionKey[]): void
  /** `stayed`: those of them that have not left. */
  movedOut(move: number, stayed: readonly ConnectionKey[]): void
  arrived(move: number): void
  /** It was to arrive and never will. */
  lost(key: ConnectionKey): void
  started(connection: Connection): void
}

/**
 * This shard's part in moves of connections between shards.
 *
 * Whoever sends to connections (main and every shard) makes a cut: a moment before which it sends what is for them to the
 * shard they leave, and after which to the one they move to, telling both. The latter makes its own cut when it knows of
 * all others: so what they have sent before is not for those who come. The former gives them away when every sender has
 * made its cut, so it has delivered all that came before; the latter keeps what comes after until they are here. So nothing
 * is lost, delivered twice or overtaken.
 */
export class Moves {
  readonly #host: MovesHost
  readonly #departures = new Map<number, Departure>()
  readonly #arrivals = new Map<number, MoveArrival>()
  /** Moves of others and of those who have left: where what is for them goes. */
  readonly #moving = new Map<number, Moving>()
  readonly #destinations = new Map<ConnectionKey, number>()
  /** The latest move that is over. There is one at a time. */
  #over = 0

  constructor(host: MovesHost) {
    this.#host = host
  }

  /** The shard that a message for this connection goes to; undefined: the connection table tells. */
  destinationOf(key: ConnectionKey): number | undefined {
    return this.#destinations.get(key)
  }

  /** Whether connections move to this shard, so that it is sent everything. */
  isDestination(index: number): boolean {
    for (const { to } of this.#moving.values()) if (to === index) return true
    return false
  }

  // ── commands ──

  /** Not `async`: commands are dispatched in order. */
  prepare(move: number, to: number, isPatient: boolean, keys: readonly ConnectionKey[]): void {
    const sibling = this.#host.siblings.get(to)
    if (sibling === undefined) return this.#host.prepared(move, [])
    this.#departures.set(move, { to, keys, cuts: new Set(), moving: null, leaving: new Set() })
    void Promise.all(keys.map((key) => this.#host.hold(key, sibling, isPatient))).then((ready) => {
      const isWanted = this.#departures.has(move)
      const able = isWanted ? keys.filter((_, index) => ready[index]) : []
      if (!isWanted) for (const key of keys) this.#host.unhold(key)
      this.#host.prepared(move, able)
    })
  }

  moving(publisher: number, moving: Moving): void {
    const { move, from, to } = moving
    const { index, siblings } = this.#host
    // Of a shard that has begun while others were at the end of it.
    if (move <= this.#over) return
    if (to === index) {
      const arrival = this.#arrivalOf(moving)
      arrival.cuts.add(publisher)
      // It has died before main could know.
      if (publisher === MAIN && !siblings.has(from)) this.#lose(move, arrival)
      else this.#cutIfOthersHave(arrival)
    } else if (from === index) {
      const departure = this.#departures.get(move)
      if (departure === undefined) return
      departure.cuts.add(publisher)
      if (departure.moving === null) departure.leaving = new Set(moving.keys)
      departure.moving = moving
      this.#departIfCut(move, departure)
    } else if (publisher === MAIN) {
      this.#moving.set(move, moving)
      for (const key of moving.keys) this.#destinations.set(key, to)
      siblings.get(from)?.moving(moving)
      siblings.get(to)?.moving(moving)
    }
  }

  departed(move: number): void {
    const arrival = this.#arrivals.get(move)
    if (arrival === undefined) return
    // Who has closed meanwhile does not come, and its end has been told.
    this.#settle(move, arrival)
  }

  start(move: number): void {
    const arrival = this.#arrivals.get(move)
    if (arrival === undefined) return
    for (const connection of arrival.start()) this.#host.started(connection)
  }

  moved(move: number): void {
    this.#over = move
    const moving = this.#moving.get(move) ?? this.#arrivals.get(move)?.moving
    // Until now the connection table has named their former shard.
    for (const key of moving?.keys ?? []) this.#destinations.delete(key)
    this.#moving.delete(move)
    this.#arrivals.delete(move)
    this.#departures.delete(move)
  }

  cancel(move: number): void {
    const departure = this.#departures.get(move)
    this.#departures.delete(move)
    if (departure === undefined) return
    // After the cut others have sent to the shard that is gone what was for these connections.
    for (const key of departure.leaving) this.#host.terminate(key)
    if (departure.moving === null) for (const key of departure.keys) this.#host.unhold(key)
  }

  onSiblingGone(index: number): void {
    for (const [move, departure] of this.#departures) this.#departIfCut(move, departure)
    for (const [move, arrival] of this.#arrivals) {
      // Before main's cut it may be another shard's, to which main has given that index since.
      if (arrival.moving.from === index && arrival.cuts.has(MAIN)) this.#lose(move, arrival)
      else this.#cutIfOthersHave(arrival)
    }
  }

  // ── what is for connections that are on their way ──

  /** A message for one connection that is not here. Returns whether it is on its way. */
  defer(publisher: number, key: ConnectionKey, action: Action): boolean {
    for (const arrival of this.#arrivals.values()) if (arrival.defer(publisher, key, action)) return true
    return false
  }

  /** A message for many: those who are on their way get it when they are here, if its sender has made its cut. */
  deferAll(publisher: number, action: Action): void {
    for (const arrival of this.#arrivals.values()) arrival.deferAll(publisher, action)
  }

  /** Those who are here, and to whom this publisher sends by way of the shard that they move to. */
  departing(publisher: number): readonly ConnectionKey[] {
    for (const { cuts, leaving } of this.#departures.values()) if (cuts.has(publisher)) return [...leaving]
    return NOBODY
  }

  /** The connection is here: it gets what has been sent meanwhile. Returns whether it may be read. */
  arrive(move: number, connection: Connection): boolean {
    return this.#arrivals.get(move)?.arrive(connection) ?? true
  }

  /** The socket of one of these connections has arrived, or never will. */
  opened(move: number): void {
    const arrival = this.#arrivals.get(move)
    if (arrival === undefined) return
    arrival.opened()
    this.#reportIfDone(move, arrival)
  }

  #arrivalOf(moving: Moving): MoveArrival {
    const known = this.#arrivals.get(moving.move)
    if (known !== undefined) return known
    const arrival = new MoveArrival(moving)
    this.#arrivals.set(moving.move, arrival)
    return arrival
  }

  /** From then on what handlers here send to those who come is kept here. */
  #cutIfOthersHave(arrival: MoveArrival): void {
    const { awaited, cuts, isComplete, moving } = arrival
    const { index, siblings } = this.#host
    if (isComplete || cuts.has(index) || !cuts.has(MAIN)) return
    for (const sibling of siblings.keys()) if (sibling !== moving.from && !cuts.has(sibling)) return
    cuts.add(index)
    for (const key of awaited) this.#destinations.set(key, index)
    siblings.get(moving.from)?.moving(moving)
  }

  #departIfCut(move: number, { cuts, moving, to }: Departure): void {
    if (moving === null || !cuts.has(MAIN)) return
    const { siblings } = this.#host
    for (const index of siblings.keys()) if (!cuts.has(index)) return
    const sibling = siblings.get(to)
    // It is gone: main cancels the move.
    if (sibling === undefined) return
    this.#departures.delete(move)
    // Those who have left already are to hear what a handler says while it lets go of the next one.
    this.#moving.set(move, moving)
    const given = moving.keys.map((key) => {
      const hasLeft = this.#host.give(move, key, sibling)
      this.#destinations.set(key, to)
      return hasLeft
    })
    void Promise.all(given).then((left) => {
      sibling.departed(move)
      this.#host.movedOut(
        move,
        moving.keys.filter((_, index) => !left[index]),
      )
    })
  }

  /** The former shard is gone, and with it whoever has not come. */
  #lose(move: number, arrival: MoveArrival): void {
    for (const key of arrival.awaited) this.#host.lost(key)
    this.#settle(move, arrival)
  }

  #settle(move: number, arrival: MoveArrival): void {
    arrival.settle()
    this.#reportIfDone(move, arrival)
  }

  /** The former shard may end now: nothing of these connections is on its way through it any more. */
  #reportIfDone(move: number, arrival: MoveArrival): void {
    if (arrival.isDone) this.#host.arrived(move)
  }
}
