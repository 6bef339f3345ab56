import { performance } from 'node:perf_hooks'
import type { Health, ShardState } from '../main/health.ts'
import { memoryUsage } from '../main/memory-usage.ts'
import type { ShardStats } from '../main/shard-stats.ts'
import type { Stats } from '../main/stats.ts'
import type { StrategyName } from '../shared/ticket.ts'
import { type Loss, lossesOf } from './losses.ts'

/** A second; null while there is nothing to compare with. Bytes are those on the wire. */
export interface Rates {
  readonly messagesIn: number
  readonly messagesOut: number
  readonly bytesIn: number
  readonly bytesOut: number
}

/** What is kept of every sample: what the charts show. */
export interface Point {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly connections: number
  readonly rates: Rates | null
  /** Milliseconds: main's, and the worst of the shards. */
  readonly mainDelay: number
  readonly shardDelay: number
  /** Messages a second in and out, by number of the shard. */
  readonly lanes: Readonly<Record<number, number>>
}

export interface MainThread {
  /** 0 to 1, since the sample before. */
  readonly utilization: number
  readonly delayMs: number
  readonly heapBytes: number
  readonly externalBytes: number
  readonly residentBytes: number
}

/** A shard in its place, or one that is being replaced and has none. */
export interface Lane {
  readonly shard: number
  readonly state: ShardState | 'retiring'
  /** Null while there is no thread. */
  readonly stats: ShardStats | null
  readonly rates: Rates | null
}

export interface Sample {
  readonly point: Point
  readonly status: Health['status']
  /** False: it has been shut down, or only a restart helps. */
  readonly live: boolean
  readonly uptimeMs: number
  readonly handoff: StrategyName | null
  readonly capacity: number
  readonly queuedBytes: number
  readonly rooms: number
  readonly memberships: number
  readonly main: MainThread
  readonly lanes: readonly Lane[]
  readonly losses: readonly Loss[]
  readonly facts: readonly Fact[]
}

export interface Fact {
  readonly name: string
  readonly value: number
  readonly unit: 'count' | 'bytes' | 'ratio'
}

/** What a sample is made of, and compared with the one before. */
export class Reading {
  readonly stats: Stats
  readonly health: Health
  readonly #nowMs = performance.now()
  readonly #loop = performance.eventLoopUtilization()

  constructor(stats: Stats, health: Health) {
    this.stats = stats
    this.health = health
  }

  /** Milliseconds ago. */
  get ageMs(): number {
    return performance.now() - this.#nowMs
  }

  /** @param before Null: there is none that is recent enough. */
  since(before: Reading | null): Sample {
    const { stats, health } = this
    const ratesFrom = (now: Counted, then: Counted | undefined): Rates | null =>
      then === undefined || before === null ? null : ratesOf(now, then, this.#nowMs - before.#nowMs)
    const lanes = lanesOf(this, (now) =>
      ratesFrom(
        now,
        before?.stats.shards.find(({ shard }) => shard === now.shard),
      ),
    )
    const memory = memoryUsage()
    return {
      point: {
        at: performance.timeOrigin + this.#nowMs,
        connections: stats.connections,
        rates: ratesFrom(stats, before?.stats),
        mainDelay: health.mainLagMs,
        shardDelay: Math.max(0, ...stats.shards.map(({ loopDelayMs }) => loopDelayMs)),
        lanes: Object.fromEntries(
          lanes.flatMap(({ shard, rates }) => (rates === null ? [] : [[shard, rates.messagesIn + rates.messagesOut]])),
        ),
      },
      status: health.status,
      live: health.live,
      uptimeMs: stats.uptime,
      handoff: stats.handoff,
      capacity: stats.capacity,
      queuedBytes: stats.queuedBytes,
      rooms: stats.rooms,
      memberships: stats.memberships,
      main: {
        utilization: (before === null ? this.#loop : performance.eventLoopUtilization(this.#loop, before.#loop))
          .utilization,
        delayMs: health.mainLagMs,
        heapBytes: memory.heapUsed,
        externalBytes: memory.external,
        residentBytes: memory.rss,
      },
      lanes,
      losses: lossesOf(stats),
      facts: factsOf(stats),
    }
  }
}

type Counted = Pick<Stats, 'messagesReceived' | 'messagesSent' | 'wireBytesIn' | 'wireBytesOut'>

/** A successor may have begun again at 0. */
function ratesOf(now: Counted, then: Counted, elapsedMs: number): Rates {
  const rate = (name: keyof Counted): number => (Math.max(0, now[name] - then[name]) * 1000) / elapsedMs
  return {
    messagesIn: rate('messagesReceived'),
    messagesOut: rate('messagesSent'),
    bytesIn: rate('wireBytesIn'),
    bytesOut: rate('wireBytesOut'),
  }
}

function lanesOf({ stats, health }: Reading, ratesOfShard: (stats: ShardStats) => Rates | null): Lane[] {
  const byNumber = new Map(stats.shards.map((each) => [each.shard, each]))
  const lane = (shard: number, state: Lane['state']): Lane => {
    const its = byNumber.get(shard) ?? null
    byNumber.delete(shard)
    return { shard, state, stats: its, rates: its && ratesOfShard(its) }
  }
  const seated = health.shards.map(({ shard, state }) => lane(shard, state))
  return [...seated, ...[...byNumber.keys()].map((shard) => lane(shard, 'retiring'))]
}

function factsOf(stats: Stats): Fact[] {
  const { moves, compute, users } = stats
  const count = (name: string, value: number): Fact => ({ name, value, unit: 'count' })
  const bytes = (name: string, value: number): Fact => ({ name, value, unit: 'bytes' })
  return [
    count('Connections ever opened', stats.totalConnections),
    bytes('Payload received', stats.bytesReceived),
    bytes('Payload sent', stats.bytesSent),
    bytes('Received on the wire', stats.wireBytesIn),
    bytes('Sent on the wire', stats.wireBytesOut),
    { name: 'Saved by compression', value: stats.compressionRatio, unit: 'ratio' },
    count('Moved between shards', moves.moved),
    count('Could not move', moves.stayed),
    count('Shard deaths', stats.shardDeaths),
    count('Evacuations', stats.evacuations),
    count('Threads not gone yet', stats.zombies),
    count('Slow peers closed', stats.slowConsumers),
    count('Times reading paused', stats.inboundPauses),
    count('Messages coalesced', stats.coalesced),
    count('Users online', users.online),
    count('Messages kept for absent users', users.outbox.messages),
    count('Compute tasks running', compute.running),
    count('Compute tasks waiting', compute.queued),
  ]
}
