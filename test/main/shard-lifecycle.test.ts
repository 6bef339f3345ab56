import t from 'tap'
import { MainCounters } from '../../src/main/main-counters.ts'
import type { RunningShard } from '../../src/main/running-shard.ts'
import { ShardLifecycle } from '../../src/main/shard-lifecycle.ts'
import { Counter, Counters } from '../../src/shared/counters.ts'
import { deferred } from '../fixtures/deferred.ts'
import { RecordingLogger } from '../fixtures/recording-logger.ts'

/** Everybody who is told something is noted, with what it was. */
function setUp({ isShort = false } = {}) {
  const told: string[] = []
  const note = (name: string) =>
    new Proxy({}, { get: (_, method) => () => void told.push(`${name} ${String(method)}`) })
  const evacuation = deferred<boolean>()
  const counters = new MainCounters()
  const shardCounters = Counters.allocate(2)
  const parts = ['state', 'interest', 'modules', 'mesh', 'mover', 'upgrades', 'admissions', 'peerLifecycle']
  const host = {
    ...Object.fromEntries(parts.map((name) => [name, note(name)])),
    ...{ counters, shardCounters, options: { logger: new RecordingLogger() } },
    memory: { isTaken: (step: string) => isShort && step === 'contexts' },
    newcomers: { entrance: note('entrance'), onShardEnded: () => void told.push('newcomers onShardEnded') },
    topology: { evacuate: () => evacuation.promise },
    facade: { onShardEvent: ({ kind }: { kind: string }) => void told.push(`application ${kind}`) },
    onError: ({ message }: Error) => void told.push(`application ${message}`),
  } as unknown as ConstructorParameters<typeof ShardLifecycle>[0]
  const shard = { index: 1, moduleCount: 0, link: note('shard') } as unknown as RunningShard
  return { lifecycle: new ShardLifecycle(host), shard, told, counters, shardCounters, evacuation }
}

t.test('a shard that is created learns what the others know', async (t) => {
  const { lifecycle, shard, told } = setUp()
  lifecycle.onShardCreated(shard)
  t.same(told, ['state postAll', 'mesh add', 'mover onShardCreated', 'modules onShardCreated'])
  const short = setUp({ isShort: true })
  short.lifecycle.onShardCreated(short.shard)
  t.equal(short.told.at(-1), 'shard allowContexts')
})

t.test('nobody waits for a shard that is gone when its connections are told to have ended', async (t) => {
  const { lifecycle, shard, told, counters, shardCounters } = setUp()
  lifecycle.onShardGone(shard, 'died')
  const ended = ['modules', 'upgrades', 'newcomers', 'admissions', 'mover'].map((name) => `${name} onShardEnded`)
  t.same(told, ['mesh remove', 'interest clear', ...ended, 'peerLifecycle onShardGone'])
  t.same([counters.shardDeaths, shardCounters.row(1).get(Counter.DEATHS)], [1, 1])
  lifecycle.onShardGone(shard, 'replaced')
  t.equal(counters.shardDeaths, 1, 'what was wanted is no death')
})

t.test('the application hears what has become of a shard, and of an evacuation when it has worked', async (t) => {
  const { lifecycle, shard, told, evacuation } = setUp()
  lifecycle.onShardEvent({ kind: 'stalled', shard: 1 })
  t.same(told.splice(0), ['entrance onSeatsChanged', 'application stalled'])
  lifecycle.onFaltered(shard, new Error('uncaught'))
  t.same(told.splice(0), ['application uncaught'])
  evacuation.resolve(true)
  await evacuation.promise
  t.same(told, ['entrance onSeatsChanged', 'application evacuated'])
  const other = setUp()
  other.lifecycle.onFaltered(other.shard, new Error('uncaught'))
  other.evacuation.resolve(false)
  await other.evacuation.promise
  t.same(other.told, ['application uncaught'])
})
