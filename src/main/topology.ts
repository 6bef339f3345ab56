import { performance } from 'node:perf_hooks'
import { ShardwsError } from '../shared/errors.ts'
import { CloseCode } from '../shared/protocol/close-codes.ts'
import type { UpgradeRequest } from '../shared/upgrade-request.ts'
import { evenOut } from './even-out.ts'
import type { HandlerModules } from './handler-modules.ts'
import type { MoveReport, Mover } from './mover.ts'
import type { ResolvedOptions } from './options.ts'
import type { Peer } from './peer.ts'
import type { PeerRegistry } from './peer-registry.ts'
import type { RunningShard } from './running-shard.ts'
import type { Supervisor } from './supervisor.ts'

/** Shards that `resize` can make, unless there were more to begin with. */
const MOST_SHARDS = 64

/** How often those who have come to a shard while others were moved away are looked for. */
const PASSES = 3

/** Evacuations of each shard within the period, on average; more help nobody. */
const EVACUATION_BUDGET = 3
const EVACUATION_PERIOD_MS = 5000

/** How long those who cannot move may take for their closing handshake. */
const FAREWELL_MS = 1000

/** What `reload`, `resize` or `rebalance` has done. */
export interface TopologyReport extends MoveReport {
  /** Connections that could not move and were closed with 1012. */
  readonly closed: number
}

/** Connections that go the same way. */
interface Route {
  readonly from: RunningShard
  readonly to: RunningShard
  readonly peers: readonly Peer[]
}

interface TopologyHost {
  readonly options: ResolvedOptions
  readonly peers: PeerRegistry
  readonly supervisor: Supervisor
  readonly modules: HandlerModules
  readonly mover: Mover
  chooseSeat(request: UpgradeRequest): number | null
  isShutDown(): boolean
}

/** How many shards there may be at a time: shared memory has a row for each, and one for a successor. */
export function mostShards({ shards }: Pick<ResolvedOptions, 'shards'>): number {
  return Math.max(shards, MOST_SHARDS)
}

/** Changes which shards there are while connections are open. One change at a time, in the order of the calls. */
export class Topology {
  readonly #host: TopologyHost
  /** Changes that are under way or wait for their turn. */
  #turns = 0
  #last: Promise<unknown>
  /** When the latest ones began, monotonic. */
  #evacuationsMs: readonly number[] = []

  constructor(host: TopologyHost) {
    this.#host = host
    this.#last = host.supervisor.ready().catch(() => {})
  }

  /**
   * Replaces every shard by one with a fresh module graph. Rejects with SHARD_START_FAILED when one cannot start: it and those
   * after it stay; with SERVER_CLOSED when a shutdown has begun.
   */
  reload(handler?: URL): Promise<TopologyReport> {
    return this.#inTurn(async () => {
      const undo = handler === undefined ? () => {} : this.#host.modules.replace(handler)
      const reports: TopologyReport[] = []
      for (const position of this.#host.supervisor.seats.keys()) {
        try {
          this.#assertOpen()
          reports.push(await this.#succeed(position))
        } catch (error) {
          if (reports.length === 0) undo()
          throw error
        }
      }
      return sum(reports)
    })
  }

  /**
   * Replaces one shard, if it is still there. Never rejects. False: its successor cannot start, or it is no help, as shards
   * falter again and again.
   */
  async evacuate(shard: RunningShard): Promise<boolean> {
    const now = performance.now()
    this.#evacuationsMs = this.#evacuationsMs.filter((ms) => now - ms < EVACUATION_PERIOD_MS)
    if (this.#evacuationsMs.length >= EVACUATION_BUDGET * this.#host.supervisor.seats.length) return false
    this.#evacuationsMs = [...this.#evacuationsMs, now]
    return this.#inTurn(async () => {
      const position = this.#host.supervisor.seats.indexOf(shard)
      if (position === -1) return false
      await this.#succeed(position)
      return true
    }).catch(() => false)
  }

  /** Rejects with ARGUMENT_INVALID, with SHARD_START_FAILED when a shard cannot start: those before it stay, and with SERVER_CLOSED as `reload`. */
  async resize(shards: number): Promise<TopologyReport> {
    const most = mostShards(this.#host.options)
    if (!Number.isInteger(shards) || shards < 1 || shards > most) {
      throw new ShardwsError('ARGUMENT_INVALID', `shards must be an integer from 1 to ${most}, got ${shards}`)
    }
    return this.#inTurn(async () => {
      const { supervisor } = this.#host
      this.#assertOpen()
      while (supervisor.seats.length < shards) {
        await supervisor.grow()
        this.#assertOpen()
      }
      const retired = supervisor.shrink(shards)
      const reports: TopologyReport[] = []
      for (const shard of retired) reports.push(await this.#dissolve(shard))
      this.#assertOpen()
      return sum([...reports, await this.#balance()])
    })
  }

  /** Rejects with SERVER_CLOSED when a shutdown has begun. */
  rebalance(): Promise<TopologyReport> {
    return this.#inTurn(() => {
      this.#assertOpen()
      return this.#balance()
    })
  }

  /**
   * A part of `rebalance`: that many moves at most. Null, and nothing happens, while something else changes the shards, while
   * one of them is missing or stands still, and in a shutdown.
   */
  evenOut(most: number): Promise<MoveReport> | null {
    const { isShutDown, supervisor } = this.#host
    if (this.#turns > 0 || isShutDown() || supervisor.seats.some((shard) => !shard?.isAdopting)) return null
    return this.#inTurn(() => this.#moveAlong(this.#evenRoutes(most)))
  }

  #inTurn<Result>(change: () => Promise<Result>): Promise<Result> {
    if (this.#host.options.shards === 0) {
      return Promise.reject(new ShardwsError('ARGUMENT_INVALID', 'options.shards is 0: there are no threads to change'))
    }
    this.#turns++
    const turn = this.#last.then(change).finally(() => this.#turns--)
    this.#last = turn.catch(() => {})
    return turn
  }

  /** What a shutdown finds under way goes no further than its next step. */
  #assertOpen(): void {
    if (this.#host.isShutDown()) throw new ShardwsError('SERVER_CLOSED')
  }

  async #succeed(position: number): Promise<TopologyReport> {
    const { former, successor } = await this.#host.supervisor.succeed(position)
    if (former === null) return NOTHING
    const moved = await this.#empty(former, () => successor)
    return this.#retire(former, moved)
  }

  /** Its connections go where new ones would. */
  async #dissolve(shard: RunningShard): Promise<TopologyReport> {
    const moved = await this.#empty(shard, (peer) => this.#newHome(peer))
    return this.#retire(shard, moved)
  }

  /** Moves every connection of a shard that gets no new ones any more. Returns how many have moved. */
  async #empty(shard: RunningShard, homeOf: (peer: Peer) => RunningShard | null): Promise<number> {
    let moved = 0
    for (let pass = 0; pass < PASSES; pass++) {
      const peers = [...this.#host.peers].filter((peer) => peer.isOn(shard))
      if (peers.length === 0) break
      moved += (await this.#moveAlong(routesOf(peers, homeOf))).moved
    }
    return moved
  }

  async #moveAlong(routes: readonly Route[]): Promise<MoveReport> {
    const total = { moved: 0, stayed: 0 }
    for (const { from, to, peers } of routes) {
      const { moved, stayed } = await this.#host.mover.move(peers, from, to)
      total.moved += moved
      total.stayed += stayed
    }
    return total
  }

  async #retire(shard: RunningShard, moved: number): Promise<TopologyReport> {
    const left = [...this.#host.peers].filter((peer) => peer.isOn(shard))
    for (const peer of left) peer.close(CloseCode.SERVICE_RESTART, 'shard replaced')
    await this.#host.supervisor.retire(shard, left.length === 0 ? 0 : FAREWELL_MS)
    return { moved, stayed: 0, closed: left.length }
  }

  /** Evens out the numbers of connections; with `shardBy` everyone goes where the key says. */
  async #balance(): Promise<TopologyReport> {
    const { options, peers } = this.#host
    const routes =
      options.shardBy === undefined ? this.#evenRoutes() : routesOf([...peers], (peer) => this.#newHome(peer))
    return { ...(await this.#moveAlong(routes)), closed: 0 }
  }

  /** A shard that stands still keeps what it has: it could not let go of anybody. */
  #evenRoutes(most?: number): readonly Route[] {
    const byHome = new Map<RunningShard, Peer[]>()
    for (const shard of this.#host.supervisor.seats) if (shard?.isAdopting) byHome.set(shard, [])
    for (const peer of this.#host.peers) byHome.get(peer.home as RunningShard)?.push(peer)
    const weighed = Array.from(byHome, ([shard, { length }]) => ({ shard, count: length, canTake: shard.canTake }))
    const transfers = evenOut(weighed, most)
    return transfers.map(({ from, to, count }) => ({ from, to, peers: byHome.get(from)?.splice(-count) ?? [] }))
  }

  #newHome(peer: Peer): RunningShard | null {
    const seat = this.#host.chooseSeat(peer.request)
    return seat === null ? null : (this.#host.supervisor.seats[seat] ?? null)
  }
}

/** By former and new shard; who is at home already does not move. */
function routesOf(peers: readonly Peer[], homeOf: (peer: Peer) => RunningShard | null): readonly Route[] {
  const routes = new Map<RunningShard, Map<RunningShard, Peer[]>>()
  for (const peer of peers) {
    const to = homeOf(peer)
    const from = peer.home as RunningShard
    if (to === null || to === from) continue
    const byHome = routes.get(from) ?? new Map<RunningShard, Peer[]>()
    const those = byHome.get(to) ?? []
    those.push(peer)
    routes.set(from, byHome.set(to, those))
  }
  return Array.from(routes, ([from, byHome]) =>
    Array.from(byHome, ([to, those]) => ({ from, to, peers: those })),
  ).flat()
}

const NOTHING: TopologyReport = { moved: 0, stayed: 0, closed: 0 }

function sum(reports: readonly TopologyReport[]): TopologyReport {
  return reports.reduce(
    (total, { moved, stayed, closed }) => ({
      moved: total.moved + moved,
      stayed: total.stayed + stayed,
      closed: total.closed + closed,
    }),
    NOTHING,
  )
}
