import t from 'tap'
import { DeflateClient } from '../fixtures/deflate-client.ts'
import { deflated } from '../fixtures/deflate-context.ts'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'

const KIB = 1024
const MIB = 1024 * KIB
const NAME = 'permessage-deflate'
/** A flush that is not the last stays in the body. */
const FLUSH = Buffer.of(0x00, 0x00, 0xff, 0xff)

/** About a kilobyte for each MiB. */
function bomb(mebibytes: number): Buffer {
  const one = Buffer.concat([deflated(Buffer.alloc(MIB), { level: 9 }), FLUSH])
  return Buffer.concat(Array.from({ length: mebibytes }, () => one)).subarray(0, -FLUSH.length)
}

for (const mode of ['shared', 'dedicated'] as const) {
  t.test(`${mode}: bombs end their connections with 1009, cost no memory and disturb no neighbour`, async (t) => {
    const engine = await EngineUnderTest.start(t, { shards: 1, compression: mode })
    const neighbour = await DeflateClient.join(engine, NAME)
    const attackers = await Promise.all(Array.from({ length: 8 }, () => DeflateClient.join(engine, NAME)))
    engine.server.on('message', (id, message, isBinary) => engine.server.send(id, message, isBinary))
    const body = bomb(512)
    t.ok(body.length < MIB, 'it is let in')
    const before = process.memoryUsage().rss
    let peak = before
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 1)
    t.teardown(() => clearInterval(watch))
    for (const attacker of attackers) attacker.sendBody(body)
    for (let number = 0; number < 20; number++) {
      const text = `${number} `.repeat(1000)
      neighbour.send(text)
      t.equal(await neighbour.nextText(), text)
    }
    for (const { client } of attackers) t.match(await client.waitClosed(), { closeCode: 1009 })
    // What the bodies themselves take on both sides is about 16 MiB; inflated they are 4 GiB.
    t.ok(peak - before < 128 * MIB, `${Math.round((peak - before) / MIB)} MiB more`)
    t.equal(engine.journal.messages.length, 20)
    t.equal(engine.journal.errors.length, attackers.length)
    for (const { error } of engine.journal.errors) t.equal(error.code, 'MESSAGE_TOO_BIG')
  })

  t.test(`${mode}: who keeps inflating close to the limit runs out of budget, 1008`, async (t) => {
    const engine = await EngineUnderTest.start(t, { shards: 1, compression: mode })
    engine.journal.forgetMessages()
    const greedy = await DeflateClient.join(engine, NAME)
    const neighbour = await DeflateClient.join(engine, NAME)
    const body = bomb(1)
    // 16 MiB at once and 8 MiB per second: this is 256.
    for (let count = 0; count < 256; count++) greedy.sendBody(body)
    t.match(await greedy.client.waitClosed(), { closeCode: 1008 })
    t.match(await engine.journal.closeOf(greedy.id), { code: 1008 })
    t.match(engine.journal.errors, [{ id: greedy.id, error: { code: 'INFLATE_BUDGET' } }])
    const { length } = engine.journal.messages
    t.ok(length >= 16 && length < 256, `${length} messages were taken`)
    neighbour.sendBody(body)
    await engine.journal.messageCount(length + 1)
    t.equal(neighbour.peer.messagesReceived, 1)
  })
}

t.test('OP38 CP06: maxCompressedSize limits compressed messages on the wire, and only those', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 1, compression: true, maxCompressedSize: 2 * KIB })
  const { client, ...joined } = await DeflateClient.join(engine, NAME)
  client.sendFrame({ opcode: 2, payload: Buffer.alloc(100 * KIB) })
  await engine.journal.messageCount(1)
  const over = Buffer.concat([bomb(1), FLUSH, bomb(1), FLUSH, bomb(1)])
  t.ok(over.length > 2 * KIB)
  client.sendFrame({ opcode: 2, payload: over, rsv: 4 })
  t.match(await client.waitClosed(), { closeCode: 1009 })
  t.match(await engine.journal.closeOf(joined.id), { code: 1009 })
})
