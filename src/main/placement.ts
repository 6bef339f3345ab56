import { ShardwsError } from '../shared/errors.ts'
import type { UpgradeRequest } from '../shared/upgrade-request.ts'
import { isThenable } from '../shared/work.ts'
import { rendezvous } from './rendezvous.ts'

/** A shard as `placement` functions see it. */
export interface ShardView {
  /** What a placement function returns for it. */
  readonly index: number
  /** Open connections and handshakes under way that were placed there. */
  readonly connections: number
  /** False while it starts, does not answer in time or is short of memory. */
  readonly canTake: boolean
}

/**
 * Names the shard of a new connection by its index, once `verifyClient` and the route are through. If it names one that
 * cannot take connections now, the handshake waits for that one, and is asked about again only if that one then fails it.
 */
export type PlacementFunction = (request: UpgradeRequest, shards: readonly ShardView[]) => number

/** Names what must meet on one shard. A number counts as its decimal text. */
export type ShardBy = (request: UpgradeRequest) => string | number

export interface PlacementOptions {
  readonly placement: 'least-connections' | 'round-robin' | PlacementFunction
  readonly shardBy: ShardBy | undefined
}

/** What placing needs to know of a running shard. */
interface Candidate {
  readonly assigned: number
  readonly canTake: boolean
}

/** One for each shard there should be; null while it is gone. */
type Seats = readonly (Candidate | null)[]

/** Chooses the seat of a new connection. */
export interface Placement {
  /**
   * Null: no shard can take it now, and any will do.
   *
   * @throws ShardwsError PLACEMENT_FAILED
   */
  choose(request: UpgradeRequest, seats: Seats): number | null
}

export function createPlacement({ placement, shardBy }: PlacementOptions): Placement {
  if (shardBy !== undefined) return new ByKey(shardBy)
  if (typeof placement === 'function') return new ByFunction(placement)
  return placement === 'round-robin' ? new RoundRobin() : new LeastConnections()
}

/** The one with the fewest, in turn among equals. */
class LeastConnections implements Placement {
  #turn = 0

  choose(_request: UpgradeRequest, seats: Seats): number | null {
    this.#turn++
    let chosen: number | null = null
    let fewest = Number.POSITIVE_INFINITY
    for (let i = 0; i < seats.length; i++) {
      const index = (this.#turn + i) % seats.length
      const shard = seats[index]
      if (!shard?.canTake || shard.assigned >= fewest) continue
      chosen = index
      fewest = shard.assigned
    }
    return chosen
  }
}

/** The next one that can take it. */
class RoundRobin implements Placement {
  #next = 0

  choose(_request: UpgradeRequest, seats: Seats): number | null {
    for (let i = 0; i < seats.length; i++) {
      const index = (this.#next + i) % seats.length
      if (!seats[index]?.canTake) continue
      this.#next = index + 1
      return index
    }
    return null
  }
}

class ByKey implements Placement {
  readonly #shardBy: ShardBy

  constructor(shardBy: ShardBy) {
    this.#shardBy = shardBy
  }

  choose(request: UpgradeRequest, seats: Seats): number {
    const key = answerOf('shardBy', () => this.#shardBy(request))
    if (typeof key !== 'string' && !Number.isFinite(key)) throw wrongAnswer('shardBy', 'a string or a number', key)
    return rendezvous(String(key), seats.length)
  }
}

class ByFunction implements Placement {
  readonly #place: PlacementFunction

  constructor(place: PlacementFunction) {
    this.#place = place
  }

  choose(request: UpgradeRequest, seats: Seats): number {
    const shards = seats.map((shard, index) => ({
      index,
      connections: shard?.assigned ?? 0,
      canTake: shard?.canTake ?? false,
    }))
    const index = answerOf('placement', () => this.#place(request, shards))
    if (!Number.isInteger(index) || index < 0 || index >= seats.length) {
      throw wrongAnswer('placement', `the index of a shard, 0 to ${seats.length - 1}`, index)
    }
    return index
  }
}

function answerOf<T>(option: string, ask: () => T): T {
  try {
    return ask()
  } catch (cause) {
    throw new ShardwsError('PLACEMENT_FAILED', `options.${option} threw: ${cause}`, { cause })
  }
}

function wrongAnswer(option: string, expected: string, answer: unknown): ShardwsError {
  // Its rejection has been answered with this one; unheard, it would end the process.
  if (isThenable(answer)) answer.then(undefined, () => {})
  const got = isThenable(answer) ? 'a promise' : typeof answer === 'number' ? String(answer) : typeof answer
  return new ShardwsError('PLACEMENT_FAILED', `options.${option} must return ${expected}, got ${got}`)
}
