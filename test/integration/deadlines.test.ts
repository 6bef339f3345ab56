import t, { type Test } from 'tap'
import type { WebSocketServerOptions } from '../../src/index.ts'
import { block } from '../fixtures/block.ts'
import { ClientProcess, type FloodResult } from '../fixtures/client-process.ts'
import { OWN_CONFIGURATIONS, RELAY_CONFIGURATION } from '../fixtures/configurations.ts'
import { deferred } from '../fixtures/deferred.ts'
import { closeBody, EngineUnderTest, type Joined, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import type { RawClient } from '../fixtures/raw-client.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'
import { ShardOrders, shardUrl } from '../fixtures/shards/shard-orders.ts'

/** Far above every deadline here, far below the waits of the fixtures. */
const LATEST_MS = 4000

/** Of a sweep four times in the shortest deadline, and of the jitter of a first ping or a lifetime. */
const EARLIEST = 0.6

/** Only the deadlines under test. */
const NONE = { pingIntervalMs: 0, idleTimeoutMs: 0, maxLifetimeMs: 0 }

interface Timed<T> {
  readonly value: T
  readonly elapsedMs: number
}

async function timed<T>(run: () => Promise<T>): Promise<Timed<T>> {
  const startMs = performance.now()
  const value = await run()
  return { value, elapsedMs: performance.now() - startMs }
}

/** Not before its time, and within reason after it. */
function assertTime(t: Test, elapsedMs: number, dueMs: number): void {
  t.comment(`due after ${dueMs} ms, came after ${elapsedMs.toFixed(0)} ms`)
  t.ok(elapsedMs >= dueMs * EARLIEST, 'not early')
  t.ok(elapsedMs < LATEST_MS, 'not much too late')
}

/** Answers pings as every browser does, until the connection ends. */
function answerPings(client: RawClient): Promise<void> {
  const answer = async (): Promise<void> => {
    for (;;) {
      const { payload } = await client.nextControl()
      client.sendFrame({ opcode: RawOpcode.Pong, payload })
    }
  }
  return answer().catch(() => {})
}

/** Sends a text, waits for its echo, and so on until the connection ends. */
function talk(client: RawClient): Promise<void> {
  const goOn = async (): Promise<void> => {
    for (;;) {
      sendText(client, 'on and on')
      await client.nextMessage()
    }
  }
  return goOn().catch(() => {})
}

/** Every one of them is there and has been asked by its shard several times since now. */
async function assertAlive(t: Test, engine: EngineUnderTest, joined: readonly Joined[]): Promise<void> {
  for (let ping = 0; ping < 3; ping++) {
    await Promise.all(
      joined.map(async ({ client }) => {
        await client.nextControl()
        client.sendFrame({ opcode: RawOpcode.Pong })
      }),
    )
  }
  for (const { client, id } of joined) {
    engine.server.send(id, id)
    t.equal(await nextText(client), id)
  }
  t.same(engine.journal.closes, [])
  t.match(engine.server.stats().timeouts, { liveness: 0, idle: 0 })
}

for (const { name, options } of [...OWN_CONFIGURATIONS, RELAY_CONFIGURATION]) {
  t.test(`${name}: deadlines`, async (t) => {
    t.test('pings come at their interval, and who answers them stays', async (t) => {
      const deadlines = { pingIntervalMs: 100, livenessMs: 400 }
      const engine = await EngineUnderTest.start(t, { ...options, ...deadlines })
      const { client, peer } = await engine.join()
      const { elapsedMs } = await timed(async () => {
        for (let ping = 0; ping < 10; ping++) {
          const { opcode, payload } = await client.nextControl()
          t.same([opcode, payload.length], [RawOpcode.Ping, 0])
          client.sendFrame({ opcode: RawOpcode.Pong })
        }
      })
      assertTime(t, elapsedMs, 10 * 100)
      t.same(engine.journal.closes, [], 'alive for longer than livenessMs')
      await eventually('the pongs are noted', () => Math.abs(peer.lastPong - Date.now()) < 1500)
    })

    t.test('row 31: who is silent is gone after livenessMs', async (t) => {
      const engine = await EngineUnderTest.start(t, { ...options, pingIntervalMs: 100, livenessMs: 300 })
      const neighbour = await engine.join()
      void answerPings(neighbour.client)
      const { value, elapsedMs } = await timed(async () => {
        const { client, id } = await engine.join()
        return { client, close: await engine.journal.closeOf(id) }
      })
      t.match(value.close, { code: 1006, reason: 'liveness timeout' })
      assertTime(t, elapsedMs, 300)
      t.match(await value.client.waitClosed(), { closeFrameSeen: false })
      t.equal((await value.client.nextControl()).opcode, RawOpcode.Ping, 'it was asked before')
      t.match(engine.server.stats().timeouts, { liveness: 1, idle: 0, close: 0, lifetime: 0 })
      t.same(engine.server.getConnections(), [neighbour.id])
    })

    t.test('idleTimeoutMs: closed with 1001', async (t) => {
      const engine = await EngineUnderTest.start(t, { ...options, ...NONE, idleTimeoutMs: 200 })
      const { value, elapsedMs } = await timed(async () => {
        const joined = await engine.join()
        return { ...joined, frame: await joined.client.closeFrame() }
      })
      assertTime(t, elapsedMs, 200)
      value.client.sendFrame({ opcode: RawOpcode.Close, payload: closeBody(1001) })
      t.match(await value.client.waitClosed(), { how: 'fin', closeCode: 1001, reason: 'idle timeout' })
      t.match(await engine.journal.closeOf(value.id), { code: 1001 })
      t.match(engine.server.stats().timeouts, { liveness: 0, idle: 1, close: 0, lifetime: 0 })
    })

    t.test('maxLifetimeMs: closed with 1001 in the middle of a conversation', async (t) => {
      const engine = await EngineUnderTest.start(t, { ...options, ...NONE, maxLifetimeMs: 300 })
      engine.server.on('message', (id, message) => engine.server.send(id, message, false))
      const { value, elapsedMs } = await timed(async () => {
        const joined = await engine.join()
        void talk(joined.client)
        return { ...joined, frame: await joined.client.closeFrame() }
      })
      t.ok(value.peer.messagesReceived > 1)
      assertTime(t, elapsedMs, 300)
      value.client.sendFrame({ opcode: RawOpcode.Close, payload: closeBody(1001) })
      t.match(await value.client.waitClosed(), { how: 'fin', closeCode: 1001, reason: 'end of lifetime' })
      t.match(engine.server.stats().timeouts, { liveness: 0, idle: 0, close: 0, lifetime: 1 })
    })

    t.test('closeTimeoutMs: a peer that does not answer the close frame', async (t) => {
      const engine = await EngineUnderTest.start(t, { ...options, ...NONE, closeTimeoutMs: 200 })
      const { client, id } = await engine.join()
      const { elapsedMs } = await timed(async () => {
        engine.server.close(id, 4000, 'say goodbye')
        await client.closeFrame()
        // Anything but the answer does not help.
        for (let i = 0; i < 5; i++) sendText(client, 'not a close frame')
        await engine.journal.closeOf(id)
      })
      assertTime(t, elapsedMs, 200)
      t.match(await engine.journal.closeOf(id), { code: 1006 })
      t.match(await client.waitClosed(), { closeCode: 4000, framesAfterClose: 0 })
      t.match(engine.server.stats().timeouts, { liveness: 0, idle: 0, close: 1, lifetime: 0 })
    })
  })
}

t.test('pingIntervalMs 0: no pings, and no liveness deadline', async (t) => {
  const engine = await EngineUnderTest.start(t, { ...NONE, shards: 1, livenessMs: 100, maxLifetimeMs: 600 })
  const { client } = await engine.join()
  t.match(await client.closeFrame().then(({ payload }) => payload.readUInt16BE()), 1001)
  t.same(client.unread(), [])
  t.match(engine.server.stats().timeouts, { liveness: 0, lifetime: 1 })
})

t.test('any byte is a sign of life, for liveness and for idleness', async (t) => {
  const deadlines = { pingIntervalMs: 100, livenessMs: 900, idleTimeoutMs: 800 }
  const engine = await EngineUnderTest.start(t, { shards: 1, ...deadlines })
  const [dripping, talking] = await engine.joinMany(2)
  if (dripping === undefined || talking === undefined) throw new Error('unreachable')
  // The header of a long message whose end never comes, a byte for each of the pings.
  const header = Buffer.from([0x82, 0xfe, 0xff, 0xff, 1, 2, 3, 4, 5, 6])
  for (const byte of header) {
    await dripping.client.nextControl()
    dripping.client.sendRaw(Buffer.of(byte))
    sendText(talking.client, 'not a pong')
  }
  t.same(engine.journal.closes, [])
  t.match(engine.server.stats().timeouts, { liveness: 0, idle: 0 })
})

t.test('markAlive speaks for a peer that says nothing', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 1, pingIntervalMs: 100, livenessMs: 700 })
  const { client, id, peer } = await engine.join()
  for (let ping = 0; ping < 10; ping++) {
    await client.nextControl()
    peer.markAlive()
  }
  t.same(engine.journal.closes, [], 'alive for longer than that')
  const { elapsedMs } = await timed(() => engine.journal.closeOf(id))
  assertTime(t, elapsedMs, 700)
  t.match(engine.server.stats().timeouts, { liveness: 1 })
})

t.test('closeTimeoutMs: a peer that does not even read', async (t) => {
  const engine = await EngineUnderTest.start(t, { ...NONE, shards: 1, closeTimeoutMs: 200 })
  const { client, id, peer } = await engine.join()
  client.pause()
  // More than the kernel takes: the close frame waits behind it.
  peer.send(Buffer.alloc(16 * 1024 * 1024))
  engine.server.close(id)
  t.match(await engine.journal.closeOf(id), { code: 1006 })
  t.match(engine.server.stats(), { queuedBytes: 0, timeouts: { close: 1 } })
})

t.test('handshakeTimeoutMs: a verifyClient that never settles', async (t) => {
  const verdict = deferred<boolean>()
  let asked = 0
  const engine = await EngineUnderTest.start(t, {
    shards: 1,
    maxConnections: 1,
    handshakeTimeoutMs: 200,
    verifyClient: () => (asked++ === 0 ? verdict.promise : true),
  })
  const { value: refused, elapsedMs } = await timed(() => engine.open())
  t.equal(refused.response.status, 503)
  t.match(refused.response.headers.get('retry-after')?.[0], /^\d+$/)
  assertTime(t, elapsedMs, 200)
  // verifyTimeoutMs is as long: by what the request took, the one or the other is over first.
  const { total, reasons } = engine.server.stats().rejected
  t.equal(total, 1)
  t.match(Object.keys(reasons)[0], /^(?:VERIFY|HANDSHAKE)_TIMEOUT$/)
  const joined = await engine.join()
  t.equal(asked, 2, 'the place is free again')
  verdict.resolve(true)
  engine.server.send(joined.id, 'a late verdict changes nothing')
  t.equal(await nextText(joined.client), 'a late verdict changes nothing')
  t.equal(engine.journal.connections.length, 1)
})

const SHORT_LIFE: WebSocketServerOptions = { pingIntervalMs: 100, livenessMs: 500, idleTimeoutMs: 500 }
const STALL_MS = 1400

t.test('row 59: a shard that was stalled closes nobody for it', async (t) => {
  const orders = new ShardOrders()
  t.teardown(() => orders.close())
  const engine = await EngineUnderTest.start(t, { shards: 1, shardUrl: shardUrl('obedient'), ...SHORT_LIFE })
  const joined = await engine.joinMany(5)
  await orders.give({ shard: 0, act: 'block', ms: STALL_MS })
  await assertAlive(t, engine, joined)
})

t.test('nor does main with a shard of its own', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 0, ...SHORT_LIFE })
  const joined = await engine.joinMany(5)
  block(STALL_MS)
  await assertAlive(t, engine, joined)
})

t.test('a connection that is not read for want of credit is not taken for silent', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 1, ...SHORT_LIFE })
  const flood = { connections: 2, messages: 600, size: 64 * 1024 }
  const clients = await ClientProcess.start<FloodResult>({ job: 'flood', port: engine.port, ...flood })
  t.teardown(() => clients.end())
  engine.journal.forgetMessages()
  clients.tell('go')
  await engine.journal.messageCount(1)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STALL_MS)
  t.ok(engine.server.stats().inboundPauses > 0, 'reading was paused')
  t.match(engine.server.stats().timeouts, { liveness: 0, idle: 0 })
  await engine.journal.messageCount(flood.connections * flood.messages)
  t.same(engine.journal.closes, [])
})
