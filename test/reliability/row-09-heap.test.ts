import { extname } from 'node:path'
import { BroadcastChannel } from 'node:worker_threads'
import t, { type Test } from 'tap'
import type { Stats, WebSocketServerOptions } from '../../src/index.ts'
import type { EngineUnderTest, Joined } from '../fixtures/engine-under-test.ts'
import { nextText, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { LEAK_CHANNEL, type Leak } from '../fixtures/shards/leaks.ts'
import { type LimitedEngine, startLimited } from './limited-engine.ts'
import { Steady } from './steady.ts'

const LEAKING = 0
const SOUND = 1
const DEADLINE_MS = 30_000
const SHARD_URL = new URL(`../fixtures/shards/leaky-shard${extname(import.meta.url)}`, import.meta.url)

interface Leaky extends LimitedEngine {
  leak(what: Leak['what'], pressure: number): void
  shard(index: number): Stats['shards'][number]
}

async function startLeaky(t: Test, options: WebSocketServerOptions): Promise<Leaky> {
  const channel = new BroadcastChannel(LEAK_CHANNEL)
  t.teardown(() => channel.close())
  const limited = await startLimited(t, { shards: 2, shardUrl: SHARD_URL, ...options })
  return {
    ...limited,
    leak: (what, pressure) => channel.postMessage({ shard: LEAKING, what, pressure } satisfies Leak),
    shard: (index) =>
      limited.engine.server.stats().shards.find(({ shard }) => shard === index) as Stats['shards'][number],
  }
}

async function joinBoth(engine: EngineUnderTest): Promise<{ leaking: Joined[]; steady: Steady[] }> {
  engine.server.on('message', (id, message, isBinary) => engine.server.send(id, message, isBinary))
  const joined = await Promise.all(Array.from({ length: 8 }, () => engine.join({ deadlineMs: DEADLINE_MS })))
  const leaking = joined.filter(({ peer }) => peer.shard === LEAKING)
  const steady = joined.filter(({ peer }) => peer.shard === SOUND).map((each) => new Steady(each))
  return { leaking, steady }
}

const LIMITS = [
  [
    'objects, small young generation',
    'objects',
    { resourceLimits: { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 4 } },
  ],
  ['objects, young generation as by default', 'objects', { resourceLimits: { maxOldGenerationSizeMb: 128 } }],
  ['buffers', 'buffers', { maxExternalBytes: 32 * 1024 * 1024 }],
] as const

for (const [name, what, options] of LIMITS) {
  t.test(`row 9: 80 %: nothing is placed there, and what is there goes on; ${name}`, async (t) => {
    const { engine, leak, shard } = await startLeaky(t, options)
    const { leaking, steady } = await joinBoth(engine)
    t.equal(leaking.length, 4)
    leak(what, 0.83)
    await eventually('it is over 80 %', () => shard(LEAKING).memoryPressure >= 0.83, DEADLINE_MS)
    t.ok(shard(SOUND).memoryPressure < 0.8, `the other one: ${shard(SOUND).memoryPressure.toFixed(2)}`)
    t.ok(what === 'objects' ? shard(LEAKING).heapBytes > 32e6 : shard(LEAKING).externalBytes > 16e6)

    const newcomers = await engine.joinMany(6)
    t.same(new Set(newcomers.map(({ peer }) => peer.shard)), new Set([SOUND]))
    t.equal(engine.server.health().shards[LEAKING]?.state, 'full')
    for (const { client } of leaking) {
      sendText(client, 'as before')
      t.equal(await nextText(client), 'as before')
    }
    for (const each of steady) await each.stop()
    t.ok(steady.every(({ echoed }) => echoed > 0))
    t.same(engine.journal.closes, [])
    t.equal(engine.server.stats().shardDeaths, 0)
  })

  t.test(`row 9: 95 %: everybody moves to a fresh shard, nobody is closed; ${name}`, async (t) => {
    const { engine, leak } = await startLeaky(t, options)
    const { journal, server } = engine
    const { leaking, steady } = await joinBoth(engine)
    const moving = leaking.map((each) => new Steady(each))
    leak(what, 1)
    const evacuated = await journal.until('the leaking shard is evacuated', () =>
      journal.shardEvents.find(({ kind }) => kind === 'evacuated'),
    )
    t.match(evacuated, { shard: LEAKING, cause: { message: /run out of memory/ } })
    const homes = new Set(leaking.map(({ peer }) => peer.shard))
    t.notOk(homes.has(LEAKING))
    t.equal(homes.size, 1)
    for (const each of [...moving, ...steady]) await each.stop()
    t.ok(moving.every(({ echoed }) => echoed > 0))
    t.same(journal.closes, [], 'nobody was closed')
    t.equal(server.stats().shardDeaths, 0)
    t.ok(server.stats().shards.every(({ memoryPressure }) => memoryPressure < 0.8))
    await eventually('the gauge is right', () => server.stats().connections === server.getConnections().length)
    await engine.join()
  })
}

t.test('row 9: a shard that is full takes connections again when it has let go', async (t) => {
  const { engine, leak, shard } = await startLeaky(t, { shards: 1, maxExternalBytes: 32 * 1024 * 1024 })
  await engine.join()
  leak('buffers', 0.83)
  await eventually('it is over 80 %', () => shard(LEAKING).memoryPressure >= 0.83, DEADLINE_MS)
  t.equal(await engine.statusOf(), 503, 'there is no other')
  t.match(engine.server.stats().rejected.reasons, { NO_SHARD: 1 }, 'at once, not when the handshake times out')
  leak('buffers', 0)
  await eventually('it has room', () => shard(LEAKING).memoryPressure < 0.8, DEADLINE_MS)
  await engine.join()
})
