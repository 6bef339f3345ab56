import { extname } from 'node:path'
import { BroadcastChannel } from 'node:worker_threads'
import t, { type Test } from 'tap'
import type { ShardEvent, Stats, WebSocketServerOptions } from '../../src/index.ts'
import type { EngineUnderTest, Joined } from '../fixtures/engine-under-test.ts'
import { nextText, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { LEAK_CHANNEL, type Leak } from '../fixtures/shards/leaks.ts'
import { type LimitedEngine, startLimited } from './limited-engine.ts'
import { Steady } from './steady.ts'

const LEAKING = 0
const SOUND = 1
const DEADLINE_MS = 30_000
const MIB = 1024 * 1024
/** A shorter queue is not closed when memory is short. */
const LEAST_BYTES = 64 * 1024
/** Of a message that waits, or that the kernel takes. */
const PART = Buffer.alloc(16 * 1024)
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

/** A peer that does not read: a little waits for it in the shard, and more of it whenever the kernel has taken that. */
function startBehind(t: Test, { peer }: Joined): { sent: number; stop(): void } {
  const behind = { sent: 0, stop: () => clearInterval(timer) }
  const timer = setInterval(() => {
    if (peer.bufferedAmount > 0) return
    peer.send(PART)
    behind.sent++
  }, 5)
  t.teardown(behind.stop)
  return behind
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
    // It stops short of what ends the thread.
    leak(what, 0.96)
    const evacuated = (): ShardEvent | undefined => journal.shardEvents.find(({ kind }) => kind === 'evacuated')
    await eventually('the leaking shard is evacuated', () => evacuated() !== undefined, DEADLINE_MS)
    t.match(evacuated(), { shard: LEAKING, cause: { message: /run out of memory/ } })
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

t.test('row 9: 90 %: the longest queue goes; who reads stays, and who is little behind', async (t) => {
  const options = { shards: 1, maxExternalBytes: 48 * MIB, slowConsumer: 'buffer' } as const
  const { engine, leak, shard } = await startLeaky(t, options)
  const { journal, server } = engine
  server.on('message', (id, message, isBinary) => server.send(id, message, isBinary))
  const [slow, behind, reader] = (await engine.joinMany(3)) as [Joined, Joined, Joined]
  for (const { client } of [slow, behind]) client.pause()
  const little = startBehind(t, behind)
  await eventually('its kernel is full', () => shard(0).queuedBytes > 0)
  const steady = new Steady(reader)
  slow.peer.send(Buffer.alloc(10 * MIB))
  await eventually('the other one is far behind', () => shard(0).queuedBytes > 2 * LEAST_BYTES)
  leak('buffers', 0.92)
  await journal.until('somebody is closed', () => journal.closes[0])
  // Whatever it has freed is taken again, so that there has been another sample above 90 %.
  leak('buffers', 0.935)
  await eventually('memory is as short as before', () => shard(0).memoryPressure >= 0.93, DEADLINE_MS)
  await steady.stop()
  little.stop()
  behind.client.resume()
  for (let part = 0; part < little.sent; part++) await behind.client.nextMessage()
  t.match(journal.closes, [{ id: slow.id, code: 1013 }])
  t.equal(journal.closes.length, 1)
  t.match(journal.errors, [{ id: slow.id, error: { code: 'SHARD_MEMORY_SHED' } }])
})

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
