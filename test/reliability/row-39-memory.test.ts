import t from 'tap'
import type { Health, Stats } from '../../src/index.ts'
import { nextText, sendText } from '../fixtures/engine-under-test.ts'
import { RawClient } from '../fixtures/raw-client.ts'
import { RawSocket } from '../fixtures/raw-socket.ts'
import { assertReached, startLimited } from './limited-engine.ts'
import { type RowServer, withRowServer } from './row-server.ts'

const MIB = 1024 ** 2
const LIMIT = 640 * MIB
/** No other limit helps. */
const UNLIMITED = { slowConsumer: 'buffer', maxShardBackpressure: 64 * LIMIT } as const
const OFFER = { 'Sec-WebSocket-Extensions': 'permessage-deflate' }
const QUEUED = 40 * MIB
/** Rounds of an attack between two looks. */
const ROUNDS = 40

/** Resident memory becomes this part of the limit, and the server has noticed. */
async function hold(server: RowServer, pressure: number): Promise<Stats> {
  const held = await server.call<number>('hold', pressure)
  const { stats } = await server.until(
    `${pressure} is noticed`,
    (seen) => Math.abs(seen.stats.memory.pressure - held) < 0.01,
  )
  return stats
}

async function extensionsOf(server: RowServer): Promise<string> {
  const client = await server.connect({ headers: OFFER })
  sendText(client, 'x')
  await nextText(client)
  return client.extensions ?? ''
}

t.test('row 39: short of memory the process spares step by step, and all of it comes back', async (t) => {
  const options = { ...UNLIMITED, maxMemoryBytes: LIMIT, compression: 'dedicated' } as const
  await withRowServer(t, { app: 'ballast', options }, async (server) => {
    t.notMatch(await extensionsOf(server), /takeover/, 'contexts are kept')
    const slow = await Promise.all(Array.from({ length: 4 }, () => server.join()))
    for (const { client, id } of slow) {
      client.pause()
      await server.call('queue', id, QUEUED)
    }
    await server.until('all is queued', ({ stats }) => stats.queuedBytes > slow.length * (QUEUED - 8 * MIB))

    let { memory } = await hold(server, 0.84)
    t.match(memory.steps, { contexts: 1, handshakes: 0 }, `${memory.pressure}`)
    t.match(await extensionsOf(server), /server_no_context_takeover; client_no_context_takeover/, '80 %: none any more')

    memory = (await hold(server, 0.925)).memory
    t.match(memory.steps, { contexts: 1, handshakes: 1, queues: 0 }, `${memory.pressure}`)
    const { response } = await RawClient.open({ port: server.port })
    t.equal(response.status, 503, '90 %')
    t.match(response.headers.get('retry-after')?.[0], /^\d+$/)
    t.match(await server.call('health'), { status: 'degraded', ready: false, live: true })
    t.equal((await server.seen()).stats.slowConsumers, 0, 'nobody is closed yet')

    await hold(server, 0.965)
    const { stats } = await server.until('95 %: the longest queues go', (seen) => seen.stats.slowConsumers > 0)
    t.equal(stats.failures.reasons.MEMORY_SHED, stats.slowConsumers)
    t.ok(stats.slowConsumers < slow.length, `not all of them: ${stats.slowConsumers} of ${slow.length}`)

    memory = (await hold(server, 1.05)).memory
    t.equal(memory.steps.accepting, 1)
    const socket = await RawSocket.open(server.port)
    await socket.waitEnd()
    t.equal(socket.how, 'fin', '98 %: closed unread')
    socket.destroy()

    await server.usage()
    await hold(server, 0.2)
    t.notMatch(await extensionsOf(server), /takeover/, 'contexts are kept again')
    const after = (await server.seen()).stats
    t.match(after.memory.steps, { contexts: 1, handshakes: 1, queues: 1, accepting: 1 })
    t.equal(
      after.limits.maxMemoryBytes,
      4 + after.rejected.total + after.failures.total,
      'each is counted by its option',
    )
    t.same(Object.keys(after.rejected.reasons), ['MEMORY_SHORT'])
    // Main has lagged while it filled the ballast.
    while (!(await server.call<Health>('health')).ready);
  })
})

t.test('row 39: an attack on memory ends before the process does, and who reads notices nothing', async (t) => {
  const limit = 320 * MIB
  const options = { ...UNLIMITED, maxMemoryBytes: limit }
  await withRowServer(t, { app: 'ballast', options }, async (server) => {
    const slow = await Promise.all(Array.from({ length: 12 }, () => server.join()))
    for (const { client } of slow) client.pause()
    const ids = slow.map(({ id }) => id)
    let most = 0
    let stats: Stats
    do {
      // 60 MiB a second at most.
      most = Math.max(most, await server.call<number>('attack', ids, 64 * 1024, 12, ROUNDS))
      stats = (await server.seen()).stats
    } while (stats.slowConsumers < ids.length)
    t.ok(stats.memory.steps.queues > 0, `memory was short ${stats.memory.steps.queues} times`)
    t.equal(stats.failures.reasons.MEMORY_SHED, ids.length, 'and nothing else has closed them')
    // What is closed is garbage for a while, and more comes meanwhile.
    t.ok(most < 1.25, `${(most * 100).toFixed(0)} % of the limit at most`)
  })
})

for (const accept of ['attach', 'raw'] as const) {
  t.test(`row 39: accept: '${accept}': with no memory at all nobody is read, and everybody is counted`, async (t) => {
    const limited = await startLimited(t, { accept, maxMemoryBytes: 64 * MIB })
    const socket = await RawSocket.open(limited.engine.port)
    await socket.waitEnd()
    socket.destroy()
    const { rejected } = await assertReached(t, limited, 'maxMemoryBytes')
    t.same(rejected.reasons, { MEMORY_SHORT: 1 })
    t.match(limited.engine.server.health(), { ready: false, live: true })
  })
}
