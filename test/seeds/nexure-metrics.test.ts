/** Document 000: metrics, backpressure and health. */
import { once } from 'node:events'
import t from 'tap'
import { WebSocketServer } from '../../src/facades/nexure.ts'
import { heard, startNexure } from '../fixtures/nexure-server.ts'

const { getPerformanceMetrics, resetPerformanceMetrics } = WebSocketServer

t.beforeEach(() => resetPerformanceMetrics())

t.test('ME01 FN03: the figures of the process, all servers together', async (t) => {
  t.same(getPerformanceMetrics(), {
    connections: 0,
    messagesReceived: 0,
    messagesSent: 0,
    bytesReceived: 0,
    bytesSent: 0,
    compressionRatio: 0,
  })
  for (const [index, shards] of [0, 2].entries()) {
    const { wss, pair } = await startNexure(t, { shards })
    const { client, id } = await pair()
    const received = heard(wss, 'message')
    client.socket.send('12345')
    await received
    wss.send(id, 'abc')
    await client.next()
    const each = index + 1
    t.match(getPerformanceMetrics(), {
      connections: each,
      messagesReceived: each,
      messagesSent: each,
      bytesReceived: 5 * each,
      bytesSent: 3 * each,
    })
    t.match(wss.stats(), { connections: 1, messagesReceived: 1, bytesReceived: 5 }, 'and each server its own')
  }
})

t.test('ME02: connections is the number of open ones', async (t) => {
  const { wss, pair } = await startNexure(t)
  const pairs = [await pair(), await pair(), await pair()]
  // Main knows of a connection before its shard has counted it.
  while (getPerformanceMetrics().connections < 3) await new Promise(setImmediate)
  t.equal(getPerformanceMetrics().connections, 3)
  const closed = heard(wss, 'close')
  await pairs[0]!.client.close()
  await closed
  t.equal(getPerformanceMetrics().connections, 2)
  await wss.shutdown()
  t.equal(getPerformanceMetrics().connections, 0)
})

t.test('ME03: a broadcast counts once for each connection that gets it', async (t) => {
  const { wss, connect } = await startNexure(t, { shards: 2 })
  const clients = await Promise.all([1, 2, 3].map(() => connect()))
  wss.broadcast('12345')
  for (const client of clients) await client.next()
  t.match(getPerformanceMetrics(), { messagesSent: 3, bytesSent: 15, messagesReceived: 0 })

  const [excepted, ...others] = wss.getConnections()
  wss.broadcast('1234567', { except: excepted! })
  for (const id of wss.getConnections()) wss.send(id, 'end')
  const texts = await Promise.all(clients.map((client) => client.nextText()))
  t.same(texts.sort(), ['1234567', '1234567', 'end'])
  t.match(getPerformanceMetrics(), { messagesSent: 3 + others.length + 3, bytesSent: 15 + 14 + 9 })
})

t.test('ME04: bytes are payload bytes; those on the wire are counted apart', async (t) => {
  const { wss, pair } = await startNexure(t)
  const { client, id } = await pair()
  const before = wss.stats()
  const received = heard(wss, 'message')
  client.socket.send(Buffer.alloc(1000))
  await received
  wss.send(id, Buffer.alloc(200))
  await client.next()
  const after = wss.stats()
  t.equal(after.bytesReceived, 1000)
  t.equal(after.bytesSent, 200)
  t.equal(after.wireBytesIn - before.wireBytesIn, 1000 + 8, 'header of 4, masking key of 4')
  t.equal(after.wireBytesOut - before.wireBytesOut, 200 + 4)
})

t.test('ME05: without compressed messages the ratio is 0', async (t) => {
  const { wss, pair } = await startNexure(t, { compression: false })
  const { client, id } = await pair()
  wss.send(id, 'x'.repeat(5000))
  await client.next()
  t.equal(getPerformanceMetrics().compressionRatio, 0)
  t.equal(wss.stats().compressionRatio, 0)
})

t.test('ME06 FN03: a reset zeroes the totals and leaves the connections', async (t) => {
  const { wss, pair } = await startNexure(t)
  const { client, id } = await pair()
  wss.send(id, 'abc')
  await client.next()
  t.equal(getPerformanceMetrics().messagesSent, 1)
  resetPerformanceMetrics()
  t.same(getPerformanceMetrics(), {
    connections: 1,
    messagesReceived: 0,
    messagesSent: 0,
    bytesReceived: 0,
    bytesSent: 0,
    compressionRatio: 0,
  })
  wss.send(id, 'abcd')
  await client.next()
  t.match(getPerformanceMetrics(), { messagesSent: 1, bytesSent: 4 })
})

t.test(
  'CO03 BP01: send is false past maxBackpressure, drain says when to go on, and what was true arrives',
  async (t) => {
    // Without compression: what the kernel takes is counted in bytes on the wire.
    const { wss, pair } = await startNexure(t, { compression: false })
    const { client, id } = await pair()
    client.socket.pause()
    const message = (number: number): Buffer => Buffer.alloc(64 * 1024, number)
    let taken = 0
    let refused = 0
    for (;;) {
      if (wss.send(id, message(taken))) taken++
      else if (++refused === 10) break
      // Turns let the shard write what it was given, and the kernel take some of it.
      await new Promise(setImmediate)
    }
    client.socket.resume()
    for (let number = 0; number < taken; number++) {
      const { data } = await client.next()
      if (!data.equals(message(number))) return t.fail(`message ${number} is missing`)
    }
    t.ok(taken >= 10, `${taken} messages were taken, and all have arrived`)
    // The client may have everything before the shard knows; after every refusal a drain follows.
    for (; refused < 100 && !wss.send(id, 'again'); refused++) t.same(await heard(wss, 'drain'), [id])
    t.equal(await client.nextText(), 'again', 'nothing came that was refused')
    t.equal(wss.stats().dropped.backpressure, refused)
    t.equal(wss.stats().dropped.slowConsumer, 0)
  },
)

t.test('CO03: what send has taken is written, though frames are longer than messages', async (t) => {
  const firstBytes = 8 * 1024 * 1024
  const { wss, pair } = await startNexure(t, { shards: 0, compression: false, maxBackpressure: firstBytes + 1000 })
  const { client, id } = await pair()
  client.socket.pause()
  wss.send(id, Buffer.alloc(firstBytes))
  while (wss.stats().queuedBytes === 0) await new Promise(setImmediate)
  let taken = 0
  while (wss.send(id, 'ten bytes!')) taken++
  t.ok(taken > 50, `${taken} small messages`)
  client.socket.resume()
  t.equal((await client.next()).data.length, firstBytes)
  for (let i = 0; i < taken; i++) await client.next()
  t.match(wss.stats().dropped, { slowConsumer: 0 })
})

t.test('BP04: what to watch: queued bytes, refused messages, slow consumers', async (t) => {
  const { wss, pair } = await startNexure(t, { compression: false, maxBackpressure: 1000, slowConsumer: 'close' })
  wss.on('error', () => {})
  const { client, id } = await pair()
  t.match(wss.stats(), { queuedBytes: 0, slowConsumers: 0, dropped: { slowConsumer: 0, backpressure: 0 } })
  client.socket.pause()
  wss.send(id, Buffer.alloc(16 * 1024 * 1024))
  while (wss.stats().queuedBytes === 0) await new Promise(setImmediate)
  t.ok(wss.stats().queuedBytes > 1000)
  const closed = heard(wss, 'close')
  t.equal(wss.send(id, 'too much'), false)
  t.match(await closed, [id, 1013])
  t.match(wss.stats(), { slowConsumers: 1, queuedBytes: 0 })
})

t.test('HE01: the shard pings by itself, also while the main thread is blocked', async (t) => {
  const { wss, pair } = await startNexure(t, { pingIntervalMs: 50 })
  const { client, id } = await pair()
  await once(client.socket, 'ping')
  while (wss.getConnection(id)!.lastPong === 0) await new Promise(setImmediate)
  t.ok(wss.getConnection(id)!.isAlive)

  const before = wss.stats().wireBytesOut
  const nobody = new Int32Array(new SharedArrayBuffer(4))
  for (let i = 0; i < 100 && wss.stats().wireBytesOut < before + 6; i++) Atomics.wait(nobody, 0, 0, 50)
  t.ok(wss.stats().wireBytesOut >= before + 6, 'three pings of two bytes went out meanwhile')
})
