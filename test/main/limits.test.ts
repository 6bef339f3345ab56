import t from 'tap'
import type { Engine } from '../../src/main/engine.ts'
import { limitsOf } from '../../src/main/limits.ts'
import { MainCounters } from '../../src/main/main-counters.ts'
import { Counter, Counters } from '../../src/shared/counters.ts'
import type { ErrorCode } from '../../src/shared/errors.ts'

const SHARDS = 2

interface Counting {
  readonly counters: MainCounters
  readonly shardCounters: Counters
  readonly limits: () => Partial<Record<string, number>>
}

function counting(): Counting {
  const counters = new MainCounters()
  const shardCounters = Counters.allocate(SHARDS)
  const compute = { stats: () => ({ rejected: 0, timedOut: 0 }) }
  const memory = { counts: { contexts: 0 } }
  const engine = { counters, shardCounters, compute, memory } as unknown as Engine
  return { counters, shardCounters, limits: () => limitsOf(engine, shardCounters.failures()) }
}

t.test('a limit that was not reached is left out', async (t) => {
  t.same(counting().limits(), {})
})

t.test('errors that end connections, of all shards', async (t) => {
  const { shardCounters, limits } = counting()
  const codes: ErrorCode[] = ['MESSAGE_TOO_BIG', 'MESSAGE_TOO_BIG', 'CONTROL_FLOOD', 'INVALID_UTF8']
  for (const [index, code] of codes.entries()) shardCounters.row(index % SHARDS).countFailure(code)
  t.same(limits(), { maxPayload: 2, maxControlRate: 1 }, 'a broken rule is no limit')
})

t.test('refused handshakes; several codes of one option add up', async (t) => {
  const { counters, limits } = counting()
  const codes: ErrorCode[] = ['REQUEST_TIMEOUT', 'HANDSHAKE_TIMEOUT', 'URI_TOO_LONG', 'BAD_REQUEST']
  for (const code of codes) counters.countRejected(code)
  t.same(limits(), { handshakeTimeoutMs: 2, maxUrlLength: 1 })
})

for (const [option, counts] of [
  ['maxPendingPongs', [Counter.COALESCED_PONGS]],
  ['rateLimit', [Counter.RATE_LIMITED_MESSAGES, Counter.RATE_PAUSES]],
  ['livenessMs', [Counter.LIVENESS_TIMEOUTS]],
  ['idleTimeoutMs', [Counter.IDLE_TIMEOUTS]],
  ['closeTimeoutMs', [Counter.CLOSE_TIMEOUTS]],
  ['maxLifetimeMs', [Counter.LIFETIMES_ENDED]],
  ['maxBackpressure', [Counter.DROPPED_MESSAGES]],
] as const) {
  t.test(`${option} is counted without an error, over all shards`, async (t) => {
    const { shardCounters, limits } = counting()
    for (const counter of counts) for (let index = 0; index < SHARDS; index++) shardCounters.row(index).add(counter, 3)
    t.same(limits(), { [option]: counts.length * SHARDS * 3 })
  })
}

t.test('what main counts itself', async (t) => {
  const { counters, shardCounters, limits } = counting()
  counters.refusedByBackpressure = 2
  counters.unprocessedPauses.maxUnprocessedMessages = 3
  counters.unprocessedPauses.maxUnprocessedBytes = 4
  counters.shardStalls = 5
  counters.shardKills = 1
  counters.sessions.evicted.max = 6
  counters.sessions.unkept = 7
  const ofMain = { maxUnprocessedMessages: 3, maxUnprocessedBytes: 4, stallMs: 5, killMs: 1 } as const
  const ofSessions = { 'sessions.max': 6, 'sessions.maxDataBytes': 7 }
  t.same(limits(), { maxBackpressure: 2, ...ofMain, ...ofSessions })
  shardCounters.row(0).countFailure('SLOW_CONSUMER')
  shardCounters.row(0).add(Counter.DROPPED_MESSAGES, 1)
  t.equal(limits().maxBackpressure, 4, 'however the slow peer was met')
})
