import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { deferred } from '../fixtures/deferred.ts'
import { nextText, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import type { RawClient } from '../fixtures/raw-client.ts'
import { encodeFrame, RawOpcode } from '../fixtures/raw-frame.ts'
import type { Progress } from './apps/slow-handler.ts'
import { assertReached, ON_MAIN_AND_IN_THREADS, startLimited } from './limited-engine.ts'
import { type RowServer, withRowServer } from './row-server.ts'

const KIB = 1024
const MIB = 1024 * KIB
const COUNT = 10_000
const LIMIT = 256
/** What a shard may have told main and main has not taken: `EVENT_WINDOW`. */
const WINDOW_MESSAGES = 1024
const WINDOW_BYTES = 4 * MIB
/** One read is parsed to its end before its socket pauses. */
const READ_BYTES = 64 * KIB
/** How long nothing may arrive any more before a peer is said to be held back. */
const STALL_MS = 300

/** Numbered binary messages, one write each. */
async function sendNumbered(client: RawClient, count: number, size: number): Promise<void> {
  const frames = Array.from({ length: count }, (_, number) => {
    const payload = Buffer.alloc(size)
    payload.writeUInt32BE(number)
    return encodeFrame({ opcode: RawOpcode.Binary, payload })
  })
  await client.sendChopped(Buffer.concat(frames), READ_BYTES)
}

/** Resolves when no more messages arrive. */
async function stalled(server: RowServer): Promise<Progress> {
  for (let before = -1; ; ) {
    const progress = await server.call<Progress>('progress')
    if (progress.received === before && before > 0) return progress
    before = progress.received
    await pause(STALL_MS)
  }
}

async function allDone(server: RowServer, count: number): Promise<Progress> {
  for (;;) {
    const progress = await server.call<Progress>('progress')
    if (progress.received === count && progress.underWay === 0) return progress
    await pause(10)
  }
}

for (const { name, options } of ON_MAIN_AND_IN_THREADS) {
  t.test(`row 75: ${COUNT} messages for a handler that is not done with any: ${name}`, async (t) => {
    await withRowServer(t, { app: 'slow-handler', options }, async (server) => {
      const before = await server.usage()
      const { client } = await server.join()
      const sent = sendNumbered(client, COUNT, KIB)
      const { received, most } = await stalled(server)
      const onTheWay = WINDOW_MESSAGES + READ_BYTES / KIB
      t.comment(`${most} unprocessed at most`)
      t.ok(received >= LIMIT)
      t.ok(most <= LIMIT + onTheWay, `${most}: ${LIMIT} and at most ${onTheWay} that were on their way`)
      const held = (await server.usage()).total - before.total
      t.ok(held < (LIMIT + onTheWay) * 2 * KIB + 4 * MIB, `${(held / MIB).toFixed(1)} MiB held`)
      t.equal((await server.seen()).stats.limits.maxUnprocessedMessages, 1)

      await server.call('release')
      await sent
      t.match(await allDone(server, COUNT), { isOrdered: true, received: COUNT })
      const end = await server.seen()
      t.same(end.closes.length, 8, 'only those that warmed it up')
      t.same(end.errors, [])
    })
  })

  t.test(`row 75: the bytes that a handler works on; the client is held back by TCP: ${name}`, async (t) => {
    const size = 64 * KIB
    const count = 1024
    await withRowServer(t, { app: 'slow-handler', options }, async (server) => {
      const { client } = await server.join()
      let isSent = false
      const sent = sendNumbered(client, count, size).then(() => {
        isSent = true
      })
      const { received, most } = await stalled(server)
      t.notOk(isSent, 'the client cannot send any more')
      t.ok(received < count)
      t.ok(most * size >= MIB)
      // A message that has begun is read to its end.
      t.ok(most * size <= MIB + WINDOW_BYTES + 2 * size, `${((most * size) / MIB).toFixed(1)} MiB unprocessed at most`)
      t.ok(((await server.seen()).stats.limits.maxUnprocessedBytes ?? 0) >= 1)
      await server.call('release')
      await sent
      t.match(await allDone(server, count), { isOrdered: true, received: count })
    })
  })

  t.test(`row 75: rejections are reported and counted, and count as done: ${name}`, async (t) => {
    const limited = await startLimited(t, { ...options, maxUnprocessedMessages: 4 })
    const { engine } = limited
    const { server, journal } = engine
    let received = 0
    server.on('message', async () => {
      const number = received++
      await pause(1)
      throw new Error(`message ${number}`)
    })
    const { client, id } = await engine.join()
    for (let i = 0; i < 100; i++) sendText(client, 'x')
    await eventually('all have arrived and failed', () => journal.errors.length === 100)
    t.ok(journal.errors.every((told) => told.id === id && /^message \d+$/.test(told.error.message)))
    t.equal(server.stats().errors.handler, 100)
    await assertReached(t, limited, 'maxUnprocessedMessages')
    server.removeAllListeners('message')
    server.on('message', (from, message) => server.send(from, message, false))
    sendText(client, 'still read')
    t.equal(await nextText(client), 'still read')
    t.same(journal.closes, [])
  })

  for (const [faster, slower] of [
    [0, 1],
    [1, 0],
  ] as const) {
    t.test(
      `row 75: with several listeners a message is done when all are, listener ${slower} last: ${name}`,
      async (t) => {
        const limited = await startLimited(t, { ...options, maxUnprocessedMessages: 1 })
        const { engine } = limited
        const { server, journal } = engine
        const works = [deferred<void>(), deferred<void>()]
        const heard: string[] = []
        for (const [index, work] of works.entries()) {
          server.on('message', (_id, message) => {
            heard.push(`${index}: ${message}`)
            return message.toString() === 'first' ? work.promise : undefined
          })
        }
        server.on('message', () => {
          throw new Error('one that throws keeps the others from nothing')
        })
        const [joined, neighbour] = await Promise.all([engine.join(), engine.join()])
        sendText(joined.client, 'first')
        await eventually('it is not read', () => server.stats().inboundPauses === 1)
        sendText(joined.client, 'second')
        const fence = async (text: string): Promise<void> => {
          sendText(neighbour.client, text)
          await eventually('a message of a neighbour', () => heard.filter((each) => each.endsWith(text)).length === 2)
        }
        await fence('fence 1')
        works[faster]?.resolve(undefined)
        await fence('fence 2')
        t.notOk(heard.some((each) => each.endsWith('second')))
        works[slower]?.reject(new Error('the slower one'))
        await eventually('the second message', () => heard.filter((each) => each.endsWith('second')).length === 2)
        t.same(
          heard.filter((each) => !each.includes('fence')),
          ['0: first', '1: first', '0: second', '1: second'],
        )
        t.equal(server.stats().errors.handler, 5, 'four messages and the slower one')
        t.equal(journal.errors.length, 5)
        await assertReached(t, limited, 'maxUnprocessedMessages')
      },
    )
  }

  t.test(`row 75: listeners that answer at once are never waited for: ${name}`, async (t) => {
    const { engine } = await startLimited(t, { ...options, maxUnprocessedMessages: 1 })
    const { server } = engine
    server.on('message', (id, message) => server.send(id, message, false))
    const { client } = await engine.join()
    for (let i = 0; i < 1000; i++) sendText(client, `${i}`)
    for (let i = 0; i < 1000; i++) if ((await nextText(client)) !== `${i}`) t.fail(`not ${i}`)
    t.same(server.stats().limits, {})
  })
}
