import { setImmediate } from 'node:timers/promises'
import { type ConnectionKey, connectionKey, nextGeneration, slotOf } from '../shared/connection-key.ts'
import type { ConnectionTable } from '../shared/connection-table.ts'
import { createNonce } from './nonces.ts'
import type { Peer } from './peer.ts'

/** Connections that are walked past in one go. */
const WALK_STEP = 256

/** Hands out the slots of the connection table and knows who sits in them. Main is the only one that does. */
export class PeerRegistry {
  readonly #table: ConnectionTable
  readonly #capacity: number
  readonly #slots: number
  readonly #peers: (Peer | undefined)[] = []
  readonly #byId = new Map<string, Peer>()
  /** The latest generation of each slot ever used. */
  readonly #generations: number[] = []
  /** The key in each slot, -1 for none. */
  readonly #keys: ConnectionKey[] = []
  readonly #freeSlots: number[] = []
  #claimed = 0
  /** Slots that shards have for connections of which main has not heard. */
  #lent = 0

  /** @param slots Those of the table: the rest is for `lend`. */
  constructor(table: ConnectionTable, capacity: number, slots = capacity) {
    this.#table = table
    this.#capacity = capacity
    this.#slots = slots
  }

  /** Connections that are open, as far as main has heard. */
  get size(): number {
    return this.#byId.size
  }

  /** Slots in use: open connections and handshakes under way. */
  get claimed(): number {
    return this.#claimed
  }

  /** A slot for a new connection, or null when there is none. */
  claim(): ConnectionKey | null {
    if (this.#claimed >= this.#capacity) return null
    const key = this.#take()
    if (key !== null) this.#claimed++
    return key
  }

  /** A slot for a connection that a shard lets in by itself, or null when there is none. Does not count until `draw`. */
  lend(): ConnectionKey | null {
    const key = this.#take()
    if (key !== null) this.#lent++
    return key
  }

  /** A shard has let a connection in, in a slot that it was lent. */
  draw(): void {
    this.#lent--
    this.#claimed++
  }

  /** The shard to which it was lent is gone. */
  takeBack(key: ConnectionKey): void {
    this.#lent--
    this.#free(key)
  }

  #take(): ConnectionKey | null {
    if (this.#claimed + this.#lent >= this.#slots) return null
    const slot = this.#freeSlots.pop() ?? this.#generations.length
    const generation = nextGeneration(this.#generations[slot] ?? -1)
    this.#generations[slot] = generation
    const key = connectionKey(slot, generation)
    this.#keys[slot] = key
    this.#table.claim(key, createNonce())
    return key
  }

  open(peer: Peer): void {
    this.#peers[slotOf(peer.key)] = peer
    this.#byId.set(peer.id, peer)
  }

  /** Gives the slot back. Returns the peer if it had opened. */
  release(key: ConnectionKey): Peer | undefined {
    const slot = slotOf(key)
    // A shard's last words may arrive when its death has been dealt with already.
    if (this.#keys[slot] !== key) return undefined
    const peer = this.get(key)
    this.#free(key)
    this.#claimed--
    if (peer === undefined) return undefined
    this.#peers[slot] = undefined
    this.#byId.delete(peer.id)
    return peer
  }

  #free(key: ConnectionKey): void {
    const slot = slotOf(key)
    this.#keys[slot] = -1
    this.#freeSlots.push(slot)
  }

  get(key: ConnectionKey): Peer | undefined {
    const peer = this.#peers[slotOf(key)]
    return peer?.key === key ? peer : undefined
  }

  find(id: string): Peer | undefined {
    return this.#byId.get(id)
  }

  /** Those that are open now; every so many the thread does other things, so some may have closed meanwhile. */
  async *walk(): AsyncGenerator<Peer> {
    let visited = 0
    for (const peer of [...this.#byId.values()]) {
      if (++visited % WALK_STEP === 0) await setImmediate()
      if (this.get(peer.key) === peer) yield peer
    }
  }

  [Symbol.iterator](): IterableIterator<Peer> {
    return this.#byId.values()
  }
}
