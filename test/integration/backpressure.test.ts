import t, { type Test } from 'tap'
import type { WebSocketServerOptions } from '../../src/index.ts'
import { COMMAND_WINDOW_MESSAGES } from '../../src/shared/credit.ts'
import { OWN_CONFIGURATIONS, RELAY_CONFIGURATION } from '../fixtures/configurations.ts'
import { EngineUnderTest, type Joined, nextText, nextTexts } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'
import { ShardOrders, shardUrl } from '../fixtures/shards/shard-orders.ts'

const KIB = 1024
const MIB = 1024 * KIB
/** More than the kernel takes for a peer that does not read: 4 MiB of sending and 128 KiB of receiving buffer here. */
const BLOCKING = Buffer.alloc(16 * MIB, 'blocking')
/** A payload of 64 KiB or more is preceded by ten bytes. */
const BLOCKING_FRAME_BYTES = BLOCKING.length + 10
/** Room behind the blocking message, in the tests that reach the limit. */
const ROOM = 100 * KIB
const LIMIT = BLOCKING_FRAME_BYTES + ROOM

/** A connection whose peer does not read and whose queue holds exactly the blocking message. */
async function joinBlocked(engine: EngineUnderTest, blocking: Buffer = BLOCKING): Promise<Joined> {
  const joined = await engine.join({ deadlineMs: 15_000 })
  joined.client.pause()
  if (!joined.peer.send(blocking)) throw new Error('an empty queue refused a message')
  await queued(joined, blocking.length + 10)
  return joined
}

/** The queue in the shard holds that many bytes: what is on its way has no frame header yet. */
function queued({ peer }: Joined, bytes: number): Promise<void> {
  return eventually(`${bytes} bytes are queued`, () => peer.bufferedAmount === bytes)
}

async function assertReceived(t: Test, { client }: Joined, payloads: readonly Buffer[]): Promise<void> {
  for (const [index, payload] of payloads.entries()) {
    const message = await client.nextMessage()
    if (!message.payload.equals(payload)) t.fail(`message ${index} of ${payload.length} bytes is another one`)
  }
}

function drainsOf({ journal }: EngineUnderTest, { id }: Joined): number {
  return journal.drains.filter((each) => each === id).length
}

async function drained(engine: EngineUnderTest, joined: Joined): Promise<void> {
  await engine.journal.until(`drain of ${joined.id}`, () => drainsOf(engine, joined) > 0 || undefined)
}

/** Nothing is held any more, and `drain` has not been told again by the time a message has gone there and back. */
async function assertAtRest(t: Test, engine: EngineUnderTest, joined: Joined, drains: number): Promise<void> {
  t.equal(engine.server.send(joined.id, 'at rest'), true)
  t.equal(await nextText(joined.client), 'at rest')
  const seen = engine.journal.messages.length
  joined.client.sendFrame({ opcode: RawOpcode.Text, payload: 'there and back' })
  await engine.journal.messageCount(seen + 1)
  t.equal(drainsOf(engine, joined), drains, `${drains} drain events`)
  t.equal(joined.peer.bufferedAmount, 0)
  t.equal(engine.server.stats().queuedBytes, 0)
}

async function assertFastReader(t: Test, engine: EngineUnderTest, { id, client }: Joined): Promise<void> {
  const texts = Array.from({ length: 50 }, (_, i) => `${i}`)
  t.ok(texts.every((text) => engine.server.send(id, text)))
  t.same(await nextTexts(client, texts.length), texts, 'another connection gets everything')
}

function start(t: Test, options: WebSocketServerOptions): Promise<EngineUnderTest> {
  return EngineUnderTest.start(t, { maxBackpressure: LIMIT, ...options })
}

for (const { name, options } of [...OWN_CONFIGURATIONS, RELAY_CONFIGURATION]) {
  t.test(`${name}: a peer that stops reading`, async (t) => {
    t.test("'drop': the newest is refused, what was accepted arrives", async (t) => {
      const engine = await start(t, options)
      const [fast, slow] = [await engine.join(), await joinBlocked(engine)]
      const last = Buffer.alloc(ROOM, 'last')
      t.equal(slow.peer.send(last), true)
      await queued(slow, LIMIT + 10)
      for (let refused = 1; refused <= 3; refused++) {
        t.equal(engine.server.send(slow.id, 'refused'), false)
        t.equal(engine.server.stats().dropped.backpressure, refused)
      }
      t.equal(slow.peer.bufferedAmount, LIMIT + 10, 'a refused message is not held')
      t.equal(engine.server.stats().queuedBytes, LIMIT + 10)
      await assertFastReader(t, engine, fast)
      t.same(engine.journal.drains, [])
      slow.client.resume()
      await assertReceived(t, slow, [BLOCKING, last])
      await drained(engine, slow)
      await assertAtRest(t, engine, slow, 1)
      t.match(engine.server.stats().dropped, {
        slowConsumer: 0,
        backpressure: 3,
        link: 0,
        controls: 0,
        rateLimit: 0,
        invalid: 0,
      })
      t.same([engine.journal.closes, engine.journal.dropped], [[], []])
    })

    t.test("'buffer': send says false, and everything arrives", async (t) => {
      const engine = await start(t, { ...options, slowConsumer: 'buffer' })
      const slow = await joinBlocked(engine)
      const over = Array.from({ length: 20 }, (_, i) => Buffer.alloc(ROOM + 1, `over ${i}`))
      for (const message of over) t.equal(slow.peer.send(message), false)
      slow.client.resume()
      await assertReceived(t, slow, [BLOCKING, ...over])
      await drained(engine, slow)
      await assertAtRest(t, engine, slow, 1)
      t.same(engine.server.stats().dropped, {
        slowConsumer: 0,
        backpressure: 0,
        link: 0,
        controls: 0,
        rateLimit: 0,
        invalid: 0,
      })
    })

    t.test("'close': the first message over the limit ends the connection with 1013", async (t) => {
      const engine = await start(t, { ...options, slowConsumer: 'close' })
      const [fast, slow] = [await engine.join(), await joinBlocked(engine)]
      t.equal(slow.peer.send(Buffer.alloc(ROOM + 1)), false)
      await engine.journal.until('the error', () => engine.journal.errors[0])
      slow.client.resume()
      t.match(await slow.client.waitClosed(), { closeCode: 1013, framesAfterClose: 0 })
      t.match(await engine.journal.closeOf(slow.id), { code: 1013 })
      t.match(engine.journal.errors, [{ id: slow.id, error: { code: 'SLOW_CONSUMER' } }])
      t.equal(engine.server.stats().slowConsumers, 1)
      await assertFastReader(t, engine, fast)
      t.equal(engine.server.stats().queuedBytes, 0)
    })

    t.test('a broadcast passes it by, and reaches all others', async (t) => {
      const engine = await start(t, { ...options, maxBackpressure: MIB })
      const [slow, ...fast] = [await joinBlocked(engine), ...(await engine.joinMany(5))]
      const texts = Array.from({ length: 50 }, (_, i) => `broadcast ${i}`)
      t.ok(texts.every((text) => engine.server.broadcast(text)))
      for (const { client } of fast) t.same(await nextTexts(client, texts.length), texts)
      await eventually('all are counted', () => engine.server.stats().dropped.slowConsumer === 50)
      await engine.journal.until('dropped', () => engine.journal.dropped[0])
      t.equal(slow.peer.bufferedAmount, BLOCKING_FRAME_BYTES)
      slow.client.resume()
      await assertReceived(t, slow, [BLOCKING])
      await drained(engine, slow)
      engine.server.broadcast('once more')
      t.equal(await nextText(slow.client), 'once more')
      await assertAtRest(t, engine, slow, 1)
      t.same(engine.journal.dropped, [slow.id], 'told once for all of them')
    })
  })
}

t.test('limit - 1 and limit are admitted, limit + 1 is not', async (t) => {
  const engine = await start(t, { shards: 1 })
  for (const [beyond, isAdmitted] of [
    [-1, true],
    [0, true],
    [1, false],
  ] as const) {
    const { client, peer } = await joinBlocked(engine)
    t.equal(peer.send(Buffer.alloc(ROOM + beyond)), isAdmitted, `the limit and ${beyond}`)
    client.reset()
  }
})

t.test('a message beyond maxBackpressure is admitted to an empty queue, again and again', async (t) => {
  const engine = await start(t, { shards: 1, maxBackpressure: 1 })
  const reader = await engine.join()
  for (let round = 0; round < 3; round++) {
    t.equal(reader.peer.send(BLOCKING), true)
    await assertReceived(t, reader, [BLOCKING])
    await queued(reader, 0)
  }
  engine.server.broadcast(BLOCKING)
  await assertReceived(t, reader, [BLOCKING])
  await queued(reader, 0)
  await assertAtRest(t, engine, reader, 0)
  t.same(engine.server.stats().dropped, {
    slowConsumer: 0,
    backpressure: 0,
    link: 0,
    controls: 0,
    rateLimit: 0,
    invalid: 0,
  })
})

t.test("'close' ends a peer that never reads again, too", async (t) => {
  const engine = await start(t, { shards: 1, slowConsumer: 'close' })
  const slow = await joinBlocked(engine)
  engine.server.broadcast(Buffer.alloc(ROOM + 1))
  t.match(await engine.journal.closeOf(slow.id), { code: 1013 })
  await eventually('nothing is held', () => engine.server.stats().queuedBytes === 0)
  t.same(engine.server.getConnections(), [])
})

t.test('a peer that vanishes with a full queue leaves nothing behind', async (t) => {
  const engine = await start(t, { shards: 1 })
  const slow = await joinBlocked(engine)
  t.equal(slow.peer.send(Buffer.alloc(ROOM + 1)), false)
  slow.client.reset()
  await engine.journal.closeOf(slow.id)
  t.equal(slow.peer.bufferedAmount, 0)
  t.equal(engine.server.stats().queuedBytes, 0)
  t.same(engine.journal.drains, [], 'a queue that is gone has not drained')
})

t.test('pings of a peer that does not read are not answered past the limit', async (t) => {
  const engine = await start(t, { shards: 1, maxControlRate: 0 })
  const slow = await joinBlocked(engine)
  const ping = { opcode: RawOpcode.Ping, payload: 'p'.repeat(125) }
  for (let i = 0; i < 20_000; i++) slow.client.sendFrame(ping)
  slow.client.sendFrame({ opcode: RawOpcode.Text, payload: 'behind the pings' })
  await engine.journal.messageCount(1)
  t.equal(engine.server.stats().queuedBytes, BLOCKING_FRAME_BYTES + 16 * (2 + 125), 'maxPendingPongs of them')
})

t.test('maxShardBackpressure: the longest queue of the shard goes, the others stay', async (t) => {
  const longest = Buffer.alloc(BLOCKING.length + MIB, 'longest')
  const maxShardBackpressure = 2 * BLOCKING.length + longest.length
  const engine = await start(t, { shards: 1, maxShardBackpressure })
  const first = await joinBlocked(engine)
  const doomed = await joinBlocked(engine, longest)
  const last = await engine.join({ deadlineMs: 15_000 })
  last.client.pause()
  t.equal(last.peer.send(BLOCKING), true, 'the one that goes over it is not the longest')
  await engine.journal.until('the error', () => engine.journal.errors[0])
  t.match(engine.journal.errors, [{ id: doomed.id, error: { code: 'SHARD_BACKPRESSURE' } }])
  const more = Buffer.from('while that one is going')
  t.equal(first.peer.send(more), true)
  t.match(await engine.journal.closeOf(doomed.id), { code: 1013 })
  for (const kept of [first, last]) kept.client.resume()
  await assertReceived(t, first, [BLOCKING, more])
  await assertReceived(t, last, [BLOCKING])
  await eventually('nothing is held', () => engine.server.stats().queuedBytes === 0)
  for (const kept of [first, last]) await assertAtRest(t, engine, kept, 0)
  t.equal(engine.server.stats().slowConsumers, 1)
  t.equal(engine.journal.closes.length, 1)
})

interface Ordered {
  readonly engine: EngineUnderTest
  readonly orders: ShardOrders
}

async function startObedient(t: Test, options: WebSocketServerOptions): Promise<Ordered> {
  const orders = new ShardOrders()
  t.teardown(() => orders.close())
  return { engine: await start(t, { shards: 1, shardUrl: shardUrl('obedient'), ...options }), orders }
}

t.test('what a blocked shard has not taken is bounded in bytes, counted, and arrives', async (t) => {
  const { engine, orders } = await startObedient(t, { maxShardBackpressure: 64 * KIB })
  const joined = await engine.join()
  const { client, peer } = joined
  // Its socket has arrived in the shard: until then all of its output would wait there, too.
  client.sendFrame({ opcode: RawOpcode.Text, payload: 'here' })
  await engine.journal.messageCount(1)
  const release = await orders.hold(0)
  // Few enough bytes for the kernel to take at once, or the shard would have to close a queue as long as this.
  const messages = Array.from({ length: 64 }, (_, i) => Buffer.alloc(KIB, `message ${i}`))
  const buffered = messages.map((message) => [peer.send(message), peer.bufferedAmount])
  t.same(
    buffered,
    messages.map((_, i) => [true, (i + 1) * KIB]),
    'what is on its way counts',
  )
  t.equal(peer.send('refused'), false)
  t.equal(peer.send('refused too'), false)
  t.equal(engine.server.broadcast('refused as well'), false)
  t.same(engine.server.stats().dropped, {
    slowConsumer: 0,
    backpressure: 0,
    link: 3,
    controls: 0,
    rateLimit: 0,
    invalid: 0,
  })
  t.equal(peer.bufferedAmount, 64 * KIB)
  release()
  await assertReceived(t, joined, messages)
  await drained(engine, joined)
  await assertAtRest(t, engine, joined, 1)
  t.equal(engine.server.broadcast('accepted again'), true)
  t.equal(await nextText(joined.client), 'accepted again')
})

t.test('and in messages', async (t) => {
  const { engine, orders } = await startObedient(t, {})
  const { client, peer } = await engine.join()
  // Half a million bytes of headers are not worth the time to parse them: those in bytes have arrived, too.
  client.pause()
  const release = await orders.hold(0)
  let accepted = 0
  while (accepted <= COMMAND_WINDOW_MESSAGES && peer.send('')) accepted++
  t.equal(accepted, COMMAND_WINDOW_MESSAGES)
  t.equal(engine.server.stats().dropped.link, 1)
  release()
  await eventually('all are sent', () => engine.server.stats().messagesSent === accepted)
  t.equal(peer.send('accepted again'), true)
})

t.test('fifty peers that do not read, and no end of messages for them', async (t) => {
  const [connections, rounds] = [50, 300]
  const limits = { maxBackpressure: 256 * KIB, maxShardBackpressure: 16 * MIB }
  const engine = await EngineUnderTest.start(t, { shards: 1, ...limits })
  const fast = await engine.join({ deadlineMs: 15_000 })
  const slow = await engine.joinMany(connections)
  for (const { client } of slow) client.pause()
  // One for all: every send copies it, so nothing that is held is shared.
  const message = Buffer.alloc(64 * KIB)
  const before = process.memoryUsage.rss()
  let [accepted, grown] = [0, 0]
  for (let round = 0; round < rounds; round++) {
    for (const { peer } of slow) if (peer.send(message)) accepted++
    fast.peer.send(`${round}`)
    if ((await nextText(fast.client)) !== `${round}`) t.fail(`round ${round}`)
    grown = Math.max(grown, process.memoryUsage.rss() - before)
  }
  const { queuedBytes, dropped } = engine.server.stats()
  t.comment(
    `${(accepted * 64) / KIB} of ${(connections * rounds * 64) / KIB} MiB accepted, ` +
      `${(queuedBytes / MIB).toFixed(1)} MiB queued, RSS + ${(grown / MIB).toFixed(0)} MiB at most`,
  )
  t.equal(dropped.backpressure + dropped.link, connections * rounds - accepted)
  t.ok(dropped.backpressure > 0)
  t.ok(queuedBytes <= limits.maxShardBackpressure)
  t.ok(grown < 250 * MIB, 'of the 900 MiB that were to be sent')
  t.same(engine.journal.closes, [])
})
