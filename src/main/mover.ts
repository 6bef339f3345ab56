import type { ConnectionKey } from '../shared/connection-key.ts'
import type { ConnectionTable } from '../shared/connection-table.ts'
import type { Moving } from '../shared/messages.ts'
import type { Mesh } from './mesh.ts'
import type { Peer } from './peer.ts'
import type { PeerRegistry } from './peer-registry.ts'
import type { Rooms } from './rooms.ts'
import type { RunningShard } from './running-shard.ts'

/** Connections that move at a time: while they do they are neither read nor written. */
const MOST_AT_ONCE = 256

export interface MoveReport {
  /** Connections that have changed their shard. */
  readonly moved: number
  /** Connections that could not: they have output that their peer does not read, they are closing or not let in yet, or what their handler holds cannot be cloned. */
  readonly stayed: number
}

interface MoverHost {
  readonly peers: PeerRegistry
  readonly rooms: Rooms
  readonly table: ConnectionTable
  readonly mesh: Mesh
  shards(): readonly RunningShard[]
}

interface Move {
  readonly from: RunningShard
  readonly to: RunningShard
  /** Null before main's cut. */
  moving: Moving | null
  hasLeft: boolean
  hasArrived: boolean
  readonly onPrepared: (keys: readonly ConnectionKey[]) => void
  onDone: () => void
}

/** Main's part in moves of connections between shards: see `workers/moves.ts` for how they work. */
export class Mover {
  readonly #host: MoverHost
  readonly #moves = new Map<number, Move>()
  #last = 0
  #moved = 0
  #stayed = 0

  constructor(host: MoverHost) {
    this.#host = host
  }

  /** Since the server was made. */
  get totals(): MoveReport {
    return { moved: this.#moved, stayed: this.#stayed }
  }

  /** Whether connections move to this shard, so that it must be sent what is for rooms. */
  isDestination(index: number): boolean {
    for (const { moving } of this.#moves.values()) if (moving?.to === index) return true
    return false
  }

  /** Moves those of these connections that are on `from`. Never rejects. */
  async move(peers: readonly Peer[], from: RunningShard, to: RunningShard): Promise<MoveReport> {
    const all = peers.filter((peer) => peer.isOn(from))
    // Those who need a while come last, among themselves: they would hold up the others of their batch.
    const moved = (await this.#moveAll(all, from, to, false)) + (await this.#moveAll(all, from, to, true))
    const stayed = all.filter((peer) => peer.isOn(from) && peer.isAlive).length
    this.#moved += moved
    this.#stayed += stayed
    return { moved, stayed }
  }

  // ── from the shards ──

  onPrepared(move: number, keys: readonly ConnectionKey[]): void {
    this.#moves.get(move)?.onPrepared(keys)
  }

  /** `stayed`: they had begun to end. */
  onMovedOut(id: number, stayed: readonly ConnectionKey[]): void {
    const move = this.#moves.get(id)
    if (move === undefined) return
    for (const key of stayed) {
      const peer = this.#host.peers.get(key)
      if (peer?.isOn(move.to)) this.#rehome(peer, move.to, move.from, -1)
    }
    move.hasLeft = true
    move.to.link.start(id)
    this.#finish(id, move)
  }

  onArrived(id: number): void {
    const move = this.#moves.get(id)
    if (move === undefined) return
    move.hasArrived = true
    this.#finish(id, move)
  }

  // ── from the supervisor ──

  /** It makes its cut before it sends anything. */
  onShardCreated(shard: RunningShard): void {
    for (const { moving } of this.#moves.values()) if (moving !== null) shard.link.moving(moving)
  }

  onShardEnded(shard: RunningShard): void {
    for (const [id, move] of this.#moves) {
      if (move.to === shard) {
        move.from.link.cancel(id)
        if (move.moving === null) move.onPrepared([])
        else this.#conclude(id, move)
      } else if (move.from === shard) {
        if (move.moving === null) move.onPrepared([])
        else if (!move.hasLeft) this.onMovedOut(id, [])
      }
    }
  }

  /** In batches. Returns how many have moved. */
  async #moveAll(peers: readonly Peer[], from: RunningShard, to: RunningShard, isPatient: boolean): Promise<number> {
    const all = peers.filter((peer) => peer.isOn(from) && peer.isAlive)
    let moved = 0
    for (let start = 0; start < all.length; start += MOST_AT_ONCE) {
      moved += await this.#move(all.slice(start, start + MOST_AT_ONCE), from, to, isPatient)
    }
    return moved
  }

  /** Returns how many have moved. */
  async #move(peers: readonly Peer[], from: RunningShard, to: RunningShard, isPatient: boolean): Promise<number> {
    const shards = this.#host.shards()
    // One of them has died while others moved: nobody would answer.
    if (!shards.includes(from) || !shards.includes(to)) return 0
    this.#host.mesh.connect(from, to)
    const id = ++this.#last
    const ready = await new Promise<readonly ConnectionKey[]>((resolve) => {
      const move = { from, to, moving: null, hasLeft: false, hasArrived: false, onPrepared: resolve, onDone: () => {} }
      this.#moves.set(id, move)
      from.link.prepare(
        id,
        to.index,
        isPatient,
        peers.map(({ key }) => key),
      )
    })
    const move = this.#moves.get(id)
    if (move === undefined) return 0
    const moving = ready.flatMap((key) => this.#host.peers.get(key) ?? []).filter((peer) => peer.isOn(from))
    if (moving.length === 0) {
      this.#moves.delete(id)
      from.link.cancel(id)
      return 0
    }
    await new Promise<void>((resolve) => {
      move.onDone = resolve
      this.#cut(id, move, moving)
    })
    return moving.filter((peer) => peer.isOn(to)).length
  }

  /** From here on main sends to the new shard, whose link everything is in order on; both learn of it at this point. */
  #cut(id: number, move: Move, peers: readonly Peer[]): void {
    const { from, to } = move
    move.moving = { move: id, from: from.index, to: to.index, keys: peers.map(({ key }) => key) }
    for (const peer of peers) this.#rehome(peer, from, to, 1)
    for (const { link } of this.#host.shards()) link.moving(move.moving)
  }

  #rehome(peer: Peer, from: RunningShard, to: RunningShard, moves: number): void {
    this.#host.rooms.rehome(peer, to)
    peer.rehome(to, moves)
    from.assigned--
    to.assigned++
  }

  #finish(id: number, move: Move): void {
    if (move.hasLeft && move.hasArrived) this.#conclude(id, move)
  }

  #conclude(id: number, move: Move): void {
    this.#moves.delete(id)
    for (const key of move.moving?.keys ?? []) {
      if (this.#host.peers.get(key)?.isOn(move.to)) this.#host.table.setShard(key, move.to.index)
    }
    for (const { link } of this.#host.shards()) link.moved(id)
    move.onDone()
  }
}
