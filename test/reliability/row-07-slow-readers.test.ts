import t from 'tap'
import type { RawClient } from '../fixtures/raw-client.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'
import { type RowServer, withRowServer } from './row-server.ts'

const KIB = 1024
const MIB = 1024 * KIB
const SLOW = 20
const HEALTHY = 4
const LIMIT = 256 * KIB
const SIZE = 64 * KIB
/** Per connection: the kernel takes about 4 MiB of it, and a receiving buffer. */
const MESSAGES = 160
const BURST = 8
/** So few that one who reads is never over the limit. */
const ROUND = 2
/** Held beyond the queues: a frame of each that is on its way, and what the engine needs anyway. */
const SLACK = SLOW * 2 * SIZE + 8 * MIB

t.test(`row 7: 'drop', messages: ${SLOW} peers that do not read hold no more than their limits`, async (t) => {
  await withRowServer(t, { app: 'flood', options: { maxBackpressure: LIMIT } }, async (server) => {
    const slow = await joinSlow(server)
    const before = await server.usage()
    const accepted = new Map(slow.map(({ id }) => [id, 0]))
    for (let sent = 0; sent < MESSAGES; sent += BURST) {
      for (const { id } of slow) {
        accepted.set(id, (accepted.get(id) ?? 0) + (await server.call<number>('send', id, BURST, SIZE)))
      }
    }
    const all = [...accepted.values()].reduce((sum, count) => sum + count, 0)
    const { total, rss } = await server.usage()
    const { dropped, queuedBytes } = (await server.seen()).stats
    t.comment(`${all} of ${SLOW * MESSAGES} accepted; ${(queuedBytes / MIB).toFixed(1)} MiB queued, `)
    t.comment(
      `${((total - before.total) / MIB).toFixed(1)} MiB held, RSS + ${((rss - before.rss) / MIB).toFixed(0)} MiB`,
    )
    t.ok(all < SLOW * MESSAGES, 'the kernel did not take it all')
    t.equal(dropped.backpressure, SLOW * MESSAGES - all, 'every refusal is counted')
    // Main refuses once the shard has said that the kernel takes no more: a burst that was posted before is queued whole.
    t.ok(queuedBytes <= SLOW * Math.max(LIMIT + SIZE, BURST * SIZE))
    t.ok(total - before.total < SLOW * LIMIT + SLACK)
    await readOn(server, slow)
    for (const { client, id } of slow) {
      t.equal(await receivedBeforeFinal(client), accepted.get(id), 'what was accepted arrives, and nothing else')
    }
  })
})

t.test("row 7: 'drop', broadcasts: who reads gets all of them, who does not is told of and counted", async (t) => {
  // The neighbours would get the broadcasts.
  await withRowServer(
    t,
    { app: 'flood', hasNeighbours: false, options: { maxBackpressure: LIMIT } },
    async (server) => {
      const slow = await joinSlow(server)
      const healthy = await server.connectMany(HEALTHY)
      const before = await server.usage()
      await broadcastInRounds(server, healthy, MESSAGES)
      const { total } = await server.usage()
      t.ok(total - before.total < SLOW * LIMIT + SLACK, `${((total - before.total) / MIB).toFixed(1)} MiB held`)
      const { dropped, stats } = await server.seen()
      t.equal(dropped, SLOW, 'one dropped event for each')
      let received = 0
      await readOn(server, slow)
      for (const { client } of slow) received += await receivedBeforeFinal(client)
      t.ok(stats.dropped.slowConsumer > 0)
      t.equal(received, SLOW * MESSAGES - stats.dropped.slowConsumer, 'every one is delivered or counted')
    },
  )
})

t.test("row 7: 'close': who does not read is closed with 1013, the others get everything", async (t) => {
  const options = { maxBackpressure: LIMIT, slowConsumer: 'close' } as const
  await withRowServer(t, { app: 'flood', hasNeighbours: false, options }, async (server) => {
    const slow = await joinSlow(server)
    const healthy = await server.connectMany(HEALTHY)
    const before = await server.usage()
    await broadcastInRounds(server, healthy, MESSAGES)
    // Nobody reads yet: the sockets are destroyed all the same.
    const ids = new Set(slow.map(({ id }) => id))
    const seen = await server.until(
      'they are closed',
      ({ closes }) => closes.filter(({ id }) => ids.has(id)).length === SLOW,
    )
    t.same(new Set(seen.closes.filter(({ id }) => ids.has(id)).map(({ code }) => code)), new Set([1013]))
    t.equal(seen.stats.slowConsumers, SLOW)
    t.same(seen.errors, Array(SLOW).fill('SLOW_CONSUMER'))
    t.equal(seen.stats.queuedBytes, 0)
    t.ok((await server.usage()).total - before.total < SLACK)
    for (const { client } of slow) {
      client.resume()
      const { closeCode, how } = await client.waitClosed()
      t.ok(closeCode === 1013 || closeCode === undefined, `the peer sees ${closeCode ?? how}`)
    }
  })
})

type Slow = Awaited<ReturnType<RowServer['join']>>

async function joinSlow(server: RowServer): Promise<Slow[]> {
  const slow: Slow[] = []
  while (slow.length < SLOW) slow.push(await server.join())
  for (const { client } of slow) client.pause()
  return slow
}

/** As fast as those who read can take it. */
async function broadcastInRounds(server: RowServer, healthy: readonly RawClient[], count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += ROUND) {
    await server.call('broadcast', ROUND, SIZE)
    for (const client of healthy) {
      for (let number = sent; number < sent + ROUND; number++) {
        const { payload } = await client.nextMessage()
        if (payload.length !== SIZE || payload.readUInt32BE() !== number) throw new Error(`not message ${number}`)
      }
    }
  }
}

async function readOn(server: RowServer, slow: readonly Slow[]): Promise<void> {
  for (const { client } of slow) client.resume()
  // Before that the echo of another message would be refused.
  await server.until('everything is written', ({ stats }) => stats.queuedBytes === 0)
}

/** How many messages come before the echo of a last one. */
async function receivedBeforeFinal(client: RawClient): Promise<number> {
  client.sendFrame({ opcode: RawOpcode.Text, payload: 'final' })
  for (let count = 0; ; count++) {
    if ((await client.nextMessage()).payload.length < SIZE) return count
  }
}
