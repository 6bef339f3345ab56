import { Counter, type Counters } from '../shared/counters.ts'
import type { RoomInterest } from '../shared/room-interest.ts'
import type { Admissions } from './admissions.ts'
import type { EngineFacade } from './engine-observer.ts'
import type { HandlerModules } from './handler-modules.ts'
import type { MainCounters } from './main-counters.ts'
import type { Mesh } from './mesh.ts'
import type { Mover } from './mover.ts'
import type { Newcomers } from './newcomers.ts'
import type { ResolvedOptions } from './options.ts'
import type { PeerLifecycle } from './peer-lifecycle.ts'
import type { ProcessMemory } from './process-memory.ts'
import type { RunningShard } from './running-shard.ts'
import type { ServerState } from './server-state.ts'
import type { ShardEnd } from './shard-endings.ts'
import { recordShardEvent } from './shard-event-log.ts'
import type { ShardEvent, SupervisorObserver } from './supervisor.ts'
import type { Topology } from './topology.ts'
import type { Upgrades } from './upgrades.ts'

/** Who keeps something for each shard, or for what is on it. */
interface ShardHost {
  readonly options: ResolvedOptions
  readonly counters: MainCounters
  readonly shardCounters: Counters
  readonly memory: ProcessMemory
  readonly state: ServerState
  readonly interest: RoomInterest
  readonly modules: HandlerModules
  readonly mesh: Mesh
  readonly mover: Mover
  readonly topology: Topology
  readonly upgrades: Upgrades
  readonly newcomers: Newcomers
  readonly admissions: Admissions
  readonly peerLifecycle: PeerLifecycle
  readonly facade: EngineFacade
  onError(error: Error): void
}

/** What follows for everybody else when a shard comes, falters or goes. */
export class ShardLifecycle implements SupervisorObserver {
  readonly #host: ShardHost

  constructor(host: ShardHost) {
    this.#host = host
  }

  onShardCreated(shard: RunningShard): void {
    const { memory, mesh, modules, mover, state } = this.#host
    state.postAll(shard.link)
    mesh.add(shard)
    mover.onShardCreated(shard)
    modules.onShardCreated(shard, shard.moduleCount)
    if (memory.isTaken('contexts')) shard.link.allowContexts(false)
  }

  /** Its connections move to a fresh one. */
  onFaltered(shard: RunningShard, cause: Error): void {
    this.#host.onError(cause)
    void this.#host.topology.evacuate(shard).then((isDone) => {
      if (isDone) this.onShardEvent({ kind: 'evacuated', shard: shard.index, cause })
    })
  }

  /** Nothing comes from this shard any more: one that was blocked, or ended before its last words were read, has not told all. */
  onShardGone(shard: RunningShard, how: ShardEnd): void {
    const { admissions, counters, interest, mesh, modules, mover, newcomers, shardCounters, upgrades } = this.#host
    if (how === 'died') {
      counters.shardDeaths++
      shardCounters.row(shard.index).add(Counter.DEATHS, 1)
    }
    mesh.remove(shard)
    interest.clear(shard.index)
    modules.onShardEnded(shard)
    upgrades.onShardEnded(shard)
    newcomers.onShardEnded(shard)
    admissions.onShardEnded(shard)
    mover.onShardEnded(shard)
    this.#host.peerLifecycle.onShardGone(shard, how)
  }

  onSeatsChanged(): void {
    this.#host.newcomers.entrance?.onSeatsChanged()
  }

  onShardEvent(event: ShardEvent): void {
    const { counters, facade, options } = this.#host
    recordShardEvent(event, counters, options.logger)
    this.onSeatsChanged()
    facade.onShardEvent(event)
  }
}
