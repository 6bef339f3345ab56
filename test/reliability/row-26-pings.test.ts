import t from 'tap'
import { type EngineUnderTest, type Joined, nextText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { encodeFrames, type FrameSpec, RawOpcode } from '../fixtures/raw-frame.ts'
import { assertReached, ON_MAIN_AND_IN_THREADS, startLimited } from './limited-engine.ts'

const PINGS = 60
const PENDING = 16
const CHUNK = Buffer.alloc(256 * 1024)

/** Sends to a client that does not read until its kernel is full. Returns how many messages that took. */
async function block({ server }: EngineUnderTest, { client, id, peer }: Joined): Promise<number> {
  client.pause()
  let sent = 0
  for (let left = 2; left > 0; ) {
    server.send(id, CHUNK)
    sent++
    await new Promise((resolve) => setTimeout(resolve, 2))
    if (peer.bufferedAmount > 0) left--
  }
  return sent
}

function pings(count: number): Buffer {
  return encodeFrames(Array.from({ length: count }, (_, i): FrameSpec => ({ opcode: RawOpcode.Ping, payload: `${i}` })))
}

for (const { name, options } of ON_MAIN_AND_IN_THREADS) {
  t.test(`row 26: pings of a peer that does not read: ${PENDING} pongs and the latest: ${name}`, async (t) => {
    const limited = await startLimited(t, { ...options, slowConsumer: 'buffer' })
    const { engine } = limited
    const joined = await engine.join()
    const { client, id } = joined
    const messages = await block(engine, joined)
    client.sendRaw(pings(PINGS))
    await eventually('all are read', () => (engine.server.stats().limits.maxPendingPongs ?? 0) >= PINGS - PENDING - 1)
    client.resume()
    for (let i = 0; i < messages; i++) await client.nextMessage()
    const pongs: string[] = []
    while (pongs.at(-1) !== `${PINGS - 1}`) pongs.push((await client.nextControl()).payload.toString())
    t.same(pongs, [...Array.from({ length: PENDING }, (_, i) => `${i}`), `${PINGS - 1}`])
    engine.server.send(id, 'done')
    t.equal(await nextText(client), 'done')
    t.same(client.unread(), [], 'and no other')
    const { dropped, failures } = await assertReached(t, limited, 'maxPendingPongs')
    t.equal(dropped.controls, PINGS - PENDING, 'those that were left out are counted, until then the latest was')
    t.equal(failures.total, 0)
  })

  t.test(`row 26: more than 100 pings at once: 1008: ${name}`, async (t) => {
    const limited = await startLimited(t, options)
    const { engine } = limited
    const neighbours = await engine.joinMany(4)
    const { client, id } = await engine.join()
    client.sendRaw(pings(100))
    for (let i = 0; i < 100; i++) t.equal((await client.nextControl()).payload.toString(), `${i}`)
    // A second may have passed meanwhile, and brought up to a hundred more.
    client.sendRaw(pings(250))
    t.match(await client.waitClosed(), { closeCode: 1008, reason: /maxControlRate/ })
    t.match(await engine.journal.closeOf(id), { code: 1008 })
    await assertReached(t, limited, 'maxControlRate', 'CONTROL_FLOOD')
    for (const neighbour of neighbours) {
      neighbour.client.sendRaw(pings(1))
      t.equal((await neighbour.client.nextControl()).payload.toString(), '0')
    }
  })

  t.test(`row 26: more than 100 pings of a peer that does not read: 1008 all the same: ${name}`, async (t) => {
    const limited = await startLimited(t, { ...options, slowConsumer: 'buffer' })
    const { engine } = limited
    const joined = await engine.join()
    await block(engine, joined)
    joined.client.sendRaw(pings(350))
    t.match(await engine.journal.closeOf(joined.id), { code: 1008 })
    await assertReached(t, limited, 'maxControlRate', 'CONTROL_FLOOD')
  })
}
