import type { Engine } from './engine.ts'
import type { AcceptorState } from './restarting-acceptor.ts'
import type { RunningShard } from './running-shard.ts'

/** From this lag on the main thread cannot be said to serve anybody new. */
const MOST_LAG_MS = 200

/**
 * `adopting`: takes connections. `late`: has not confirmed one in time. `stalled`: stands still. `full`: short of memory.
 * `degraded`: has died too often and is left alone for a while. The latter four keep what they have, if they have any.
 */
export type ShardState = 'starting' | 'adopting' | 'late' | 'stalled' | 'full' | 'degraded' | 'stopped'

/** What one shard is doing. */
export interface ShardHealth {
  /** Its place, 0 to one fewer than there are shards: what `placement` and `shardBy` choose. It stays when the shard is replaced. */
  readonly index: number
  /** Its number in `stats().shards`, `shard` events, log records, metrics and `socket.shard`: `reload` and `resize` give others. */
  readonly shard: number
  /** See `ShardState`. */
  readonly state: ShardState
  /** Open connections. */
  readonly connections: number
}

/** What probes ask for. */
export interface Health {
  /**
   * `healthy`: every shard takes connections and main keeps up. `degraded`: one does not, or main lags, or memory is so short
   * that newcomers are refused, or the acceptor does not listen. `unhealthy`: no shard does. `draining`: the server shuts down or has done so.
   */
  readonly status: 'healthy' | 'degraded' | 'draining' | 'unhealthy'
  /** False: a restart of the process is due. Every shard has died too often, or the server has been shut down. */
  readonly live: boolean
  /** Whether new connections should be sent here: not draining, a shard and the acceptor take them, main lags less than 200 ms, there is memory. */
  readonly ready: boolean
  /** How late the main thread came to its timers, milliseconds: the worst of the last second or two. */
  readonly mainLagMs: number
  /** Resident memory of the process as a part of `maxMemoryBytes`. */
  readonly memoryPressure: number
  /**
   * The thread of `accept: 'acceptor'`, null without one. `starting`: it has died and a new one is on the way. `degraded`: it has
   * died four times within 5 s and is left alone for 30 s. Connections that are open go on.
   */
  readonly acceptor: AcceptorState | null
  /** By place. */
  readonly shards: readonly ShardHealth[]
}

/** Reads shared memory only: no message to a shard, so it answers whatever they are doing. */
export function healthOf({ supervisor, mainLag, memory, newcomers, isShutDown }: Engine): Health {
  const { seats, isStopped } = supervisor
  const shards = seats.map((shard, index) => ({
    index,
    shard: supervisor.rowOf(index),
    state: isStopped ? 'stopped' : stateOf(shard, supervisor.isDegraded(index)),
    connections: shard?.connections ?? 0,
  }))
  const mainLagMs = Math.round(mainLag.worstMs)
  const acceptor = newcomers.entrance?.acceptorState ?? null
  const isDeaf = acceptor !== null && acceptor !== 'listening'
  const isRefusing = mainLagMs >= MOST_LAG_MS || memory.isTaken('handshakes') || isDeaf
  const adopting = shards.filter(({ state }) => state === 'adopting').length
  return {
    status: isShutDown ? 'draining' : statusOf(adopting, seats.length, isRefusing),
    live: !isStopped && shards.some(({ state }) => state !== 'degraded'),
    ready: !isShutDown && !isRefusing && adopting > 0,
    mainLagMs,
    memoryPressure: memory.reading.pressure,
    acceptor,
    shards,
  }
}

function statusOf(adopting: number, shards: number, isRefusing: boolean): Health['status'] {
  if (adopting === 0) return 'unhealthy'
  return adopting < shards || isRefusing ? 'degraded' : 'healthy'
}

function stateOf(shard: RunningShard | null, isDegraded: boolean): ShardState {
  if (isDegraded) return 'degraded'
  if (!shard?.isRunning) return 'starting'
  if (shard.isStalled) return 'stalled'
  if (shard.isLate) return 'late'
  return shard.canTake ? 'adopting' : 'full'
}
