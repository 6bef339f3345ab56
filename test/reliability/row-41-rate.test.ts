import t from 'tap'
import type { WebSocketServerOptions } from '../../src/index.ts'
import { type EngineUnderTest, type Joined, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { encodeFrame, RawOpcode } from '../fixtures/raw-frame.ts'
import { assertReached, ON_MAIN_AND_IN_THREADS, startLimited } from './limited-engine.ts'

const COUNT = 3000
const SIZE = 100
/** 5000 a second: the flood takes half a second if nothing of it is lost. */
const LIMIT: NonNullable<WebSocketServerOptions['rateLimit']> = { messages: 500, perMs: 100, burst: 500 }

/** Numbered binary messages. */
function flood(count: number, size = SIZE): Buffer {
  const frames = Array.from({ length: count }, (_, number) => {
    const payload = Buffer.alloc(size)
    payload.writeUInt32BE(number)
    return encodeFrame({ opcode: RawOpcode.Binary, payload })
  })
  return Buffer.concat(frames)
}

/** The numbers of the flood as they arrived; text is echoed. */
function collect({ server }: EngineUnderTest): number[] {
  const numbers: number[] = []
  server.on('message', (id, message, isBinary) => {
    if (isBinary) numbers.push(message.readUInt32BE())
    else server.send(id, message, false)
  })
  return numbers
}

function isRising(numbers: readonly number[]): boolean {
  return numbers.every((number, index) => index === 0 || number > (numbers[index - 1] as number))
}

/** Neighbours on every shard echo in order until `during` is over. */
async function besides(neighbours: readonly Joined[], during: Promise<unknown>): Promise<number> {
  let isOver = false
  const over = during.finally(() => {
    isOver = true
  })
  const echo = async ({ client }: Joined): Promise<number> => {
    let echoed = 0
    for (; !isOver || echoed === 0; echoed++) {
      sendText(client, `${echoed}`)
      const text = await nextText(client)
      if (text !== `${echoed}`) throw new Error(`${text} instead of ${echoed}`)
    }
    return echoed
  }
  const echoed = await Promise.all(neighbours.map(echo))
  await over
  return Math.min(...echoed)
}

for (const { name, options } of ON_MAIN_AND_IN_THREADS) {
  t.test(`row 41: 'pause': read more slowly, and nothing is lost: ${name}`, async (t) => {
    const limited = await startLimited(t, { ...options, rateLimit: { ...LIMIT, action: 'pause' } })
    const { engine } = limited
    const numbers = collect(engine)
    const neighbours = await engine.joinMany(4)
    const { client } = await engine.join()
    const all = eventually('all have arrived', () => numbers.length === COUNT)
    client.sendRaw(flood(COUNT))
    t.ok((await besides(neighbours, all)) > 0)
    t.ok(isRising(numbers))
    const { failures, dropped, inboundPauses } = await assertReached(t, limited, 'rateLimit')
    t.equal(failures.total, 0)
    t.equal(dropped.rateLimit, 0)
    t.ok(inboundPauses >= 1)
    sendText(client, 'still open')
    t.equal(await nextText(client), 'still open')
  })

  t.test(`row 41: 'pause' by bytes: ${name}`, async (t) => {
    const MIB = 1024 * 1024
    const rateLimit = { messages: 1_000_000, perMs: 100, bytesPerSecond: 4 * MIB, action: 'pause' } as const
    const limited = await startLimited(t, { ...options, rateLimit })
    const { engine } = limited
    const numbers = collect(engine)
    const neighbours = await engine.joinMany(4)
    const { client } = await engine.join()
    const startedMs = performance.now()
    const all = eventually('all have arrived', () => numbers.length === 192)
    client.sendRaw(flood(192, 64 * 1024))
    t.ok((await besides(neighbours, all)) > 0)
    // 12 MiB: 8 at once, and of the last one read no part has to wait.
    t.ok(performance.now() - startedMs > 500, 'not faster than the rate')
    t.ok(isRising(numbers))
    t.equal((await assertReached(t, limited, 'rateLimit')).failures.total, 0)
  })

  for (const action of ['drop', 'error'] as const) {
    t.test(`row 41: '${action}': what is too much is dropped and counted: ${name}`, async (t) => {
      const limited = await startLimited(t, { ...options, rateLimit: { ...LIMIT, action } })
      const { engine } = limited
      const { server, journal } = engine
      const numbers = collect(engine)
      const neighbours = await engine.joinMany(4)
      const { client, id } = await engine.join()
      const arrived = (): number => numbers.length + server.stats().dropped.rateLimit
      const all = eventually('all are delivered or counted', () => arrived() === COUNT)
      client.sendRaw(flood(COUNT))
      t.ok((await besides(neighbours, all)) > 0)
      t.ok(numbers.length >= 500, 'the burst')
      t.ok(numbers.length < COUNT)
      t.ok(isRising(numbers))
      t.equal((await assertReached(t, limited, 'rateLimit')).failures.total, 0, 'it ends no connection')
      if (action === 'error') {
        await eventually('the application is told', () => journal.errors.length > 0)
        t.ok(journal.errors.every((told) => told.id === id && told.error.code === 'RATE_LIMITED'))
        t.ok(journal.errors.length < 50, `${journal.errors.length} times for ${COUNT - numbers.length}`)
      } else {
        t.same(journal.errors, [])
      }
    })
  }

  t.test(`row 41: 'close': reading pauses first, then 1008 for who goes on: ${name}`, async (t) => {
    const limited = await startLimited(t, { ...options, rateLimit: { ...LIMIT, action: 'close', graceMs: 300 } })
    const { engine } = limited
    const numbers = collect(engine)
    const neighbours = await engine.joinMany(4)
    const { client, id } = await engine.join()
    const pausesBefore = engine.server.stats().inboundPauses
    const closed = engine.journal.closeOf(id)
    let pausesAtClose = 0
    engine.server.once('close', () => {
      pausesAtClose = engine.server.stats().inboundPauses
    })
    void client.sendChopped(flood(100_000), 64 * 1024)
    t.ok((await besides(neighbours, closed)) > 0)
    t.match(await closed, { code: 1008, reason: /rateLimit/ })
    t.ok(pausesAtClose > pausesBefore)
    t.ok(isRising(numbers) && numbers.length > 500 && numbers.length < 100_000, `${numbers.length} had arrived`)
    await assertReached(t, limited, 'rateLimit', 'RATE_LIMITED')
    t.match((await client.waitClosed()).closeCode, 1008)
  })

  t.test(`row 41: 'close': one burst too many and then silence is forgiven: ${name}`, async (t) => {
    const limited = await startLimited(t, {
      ...options,
      rateLimit: { messages: 1, perMs: 1000, burst: 4, action: 'close', graceMs: 200 },
    })
    const { engine } = limited
    const numbers = collect(engine)
    const { client } = await engine.join()
    client.sendRaw(flood(5))
    await eventually('it is read again', () => {
      const { inboundPauses } = engine.server.stats()
      return numbers.length === 5 && inboundPauses === 1
    })
    // Half of the burst takes three seconds.
    client.sendRaw(flood(1))
    await eventually('and heard', () => numbers.length === 6)
    t.same(engine.journal.closes, [])
  })
}
