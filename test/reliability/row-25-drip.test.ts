import t from 'tap'
import { type EngineUnderTest, type Joined, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { encodeFrame, RawOpcode } from '../fixtures/raw-frame.ts'
import { assertReached, ON_MAIN_AND_IN_THREADS, startLimited } from './limited-engine.ts'

const TIMEOUT_MS = 400
const MESSAGE = encodeFrame({ opcode: RawOpcode.Text, payload: 'x'.repeat(1000) })

/** Sends one byte after the other and a ping of its own between two messages, until the server ends it. */
async function drip({ client }: Joined): Promise<number> {
  let isOver = false
  const closed = client.closed.then(() => {
    isOver = true
  })
  let sent = 0
  for (; !isOver && sent < MESSAGE.length; sent++) {
    client.sendRaw(MESSAGE.subarray(sent, sent + 1))
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 5))])
  }
  return sent
}

async function assertAlive(engine: EngineUnderTest, { client, id }: Joined): Promise<void> {
  sendText(client, 'still here')
  await engine.journal.until('its message', () => engine.journal.texts(id)[0])
  engine.server.send(id, 'so am I')
  await nextText(client)
}

for (const { name, options } of ON_MAIN_AND_IN_THREADS) {
  t.test(`row 25: messages dripped byte by byte: 1008 for each, the others notice nothing: ${name}`, async (t) => {
    const limited = await startLimited(t, { ...options, messageTimeoutMs: TIMEOUT_MS })
    const { engine } = limited
    const neighbours = await engine.joinMany(4)
    const drippers = await engine.joinMany(20)
    const sent = await Promise.all(drippers.map(drip))
    for (const { client, id } of drippers) {
      t.match(await client.waitClosed(), { closeCode: 1008 })
      t.match(await engine.journal.closeOf(id), { code: 1008, reason: /messageTimeoutMs/ })
    }
    t.ok(
      sent.every((bytes) => bytes > 1 && bytes < MESSAGE.length),
      'while they went on dripping',
    )
    t.equal((await assertReached(t, limited, 'messageTimeoutMs')).failures.reasons.MESSAGE_TIMEOUT, 20)
    t.equal(engine.server.stats().limits.messageTimeoutMs, 20)
    for (const neighbour of neighbours) await assertAlive(engine, neighbour)
  })

  t.test(`row 25: pings within a dripped message are answered, and do not help it: ${name}`, async (t) => {
    const limited = await startLimited(t, { ...options, messageTimeoutMs: TIMEOUT_MS, maxControlRate: 0 })
    const { client, id } = await limited.engine.join()
    client.sendFrame({ opcode: RawOpcode.Text, payload: 'beginning', fin: false })
    let pongs = 0
    for (;;) {
      client.sendFrame({ opcode: RawOpcode.Ping, payload: `${pongs}` })
      const pong = await client.nextControl().catch(() => undefined)
      if (pong === undefined) break
      t.equal(pong.payload.toString(), `${pongs}`)
      pongs++
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    t.ok(pongs > 1, `${pongs} pongs`)
    t.match(await limited.engine.journal.closeOf(id), { code: 1008 })
    await assertReached(t, limited, 'messageTimeoutMs', 'MESSAGE_TIMEOUT')
  })
}
