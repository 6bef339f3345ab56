import t from 'tap'
import { deferred } from '../fixtures/deferred.ts'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { descriptorsBackTo, openDescriptors } from '../fixtures/process-resources.ts'
import { RawClient } from '../fixtures/raw-client.ts'
import { ShardOrders, shardUrl } from '../fixtures/shards/shard-orders.ts'

const CLIENTS = 2000
const AT_A_TIME = 100
const SHARDS = 3
const KILL_EVERY_MS = 1000
/** How long the clients may take: so that the connecting lasts over several kills. */
const LEAST_MS = 7000

t.test('row 1 20: 2,000 clients connect while a shard dies every second', async (t) => {
  const uncaught: unknown[] = []
  const note = (cause: unknown): void => void uncaught.push(cause)
  process.on('uncaughtException', note)
  process.on('unhandledRejection', note)
  t.teardown(() => process.off('uncaughtException', note).off('unhandledRejection', note))
  const orders = new ShardOrders()
  t.teardown(() => orders.close())
  const engine = new EngineUnderTest({ shards: SHARDS, shardUrl: shardUrl('obedient') })
  t.teardown(() => engine.stop())
  const { port } = await engine.server.listen(0, '127.0.0.1')
  // A loop keeps a descriptor from its first socket on: hence one client for every shard.
  const first = await Promise.all(Array.from({ length: SHARDS }, () => RawClient.connect({ port })))
  await engine.journal.until('all of them', () => engine.journal.connections.length === SHARDS || undefined)
  for (const client of first) client.destroy()
  await engine.journal.until('their ends', () => engine.journal.closes.length === SHARDS || undefined)
  const baseline = openDescriptors().length

  const killing = killInTurn(orders)
  const outcomes = await connectAll(port)
  const kills = await killing.stop()
  t.comment(`${kills} kills; ${JSON.stringify(Object.fromEntries(outcomes))}`)
  t.same(
    [...outcomes.keys()].filter((outcome) => outcome !== '101' && outcome !== '503'),
    [],
  )
  t.equal(
    [...outcomes.values()].reduce((sum, count) => sum + count, 0),
    CLIENTS,
  )
  t.ok((outcomes.get('101') ?? 0) > CLIENTS / 2)
  t.ok(kills >= 5)

  await eventually('all deaths are noticed and replaced', () => {
    const count = (kind: string): number => engine.journal.shardEvents.filter((event) => event.kind === kind).length
    return count('exited') === kills && count('started') === kills + SHARDS
  })
  const { connections, closes } = engine.journal
  await engine.journal.until('a close for every connection', () => closes.length === connections.length || undefined)
  t.equal(new Set(closes.map(({ id }) => id)).size, connections.length, 'each exactly once')
  await eventually('the gauges are 0', () => {
    const { connections: open, queuedBytes } = engine.server.stats()
    return open === 0 && queuedBytes === 0
  })
  t.same(
    engine.server.stats().shards.map((shard) => shard.connections),
    [0, 0, 0],
  )
  t.same(engine.server.getConnections(), [])
  await descriptorsBackTo(baseline)
  t.same(uncaught, [])
  t.match(engine.server.stats(), { shardDeaths: kills, degradedShards: 0 })
  t.same(
    engine.journal.errors.filter(({ id }) => id === null),
    [],
  )
})

/** One shard after another, in turn by an error and by an exit. */
function killInTurn(orders: ShardOrders): { stop(): Promise<number> } {
  const stopped = deferred<void>()
  let kills = 0
  const run = async (): Promise<number> => {
    for (;;) {
      const isStopped = await Promise.race([stopped.promise.then(() => true), sleep(KILL_EVERY_MS)])
      if (isStopped) return kills
      await orders.give({ shard: kills % SHARDS, act: kills % 2 === 0 ? 'throw' : 'exit' })
      kills++
    }
  }
  const running = run()
  return {
    stop: () => {
      stopped.resolve()
      return running
    },
  }
}

async function connectAll(port: number): Promise<Map<string, number>> {
  const outcomes = new Map<string, number>()
  const startMs = performance.now()
  let begun = 0
  const connectInTurn = async (): Promise<void> => {
    while (begun < CLIENTS) {
      const mine = begun++
      const outcome = await outcomeOf(port)
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      const dueMs = startMs + (mine / CLIENTS) * LEAST_MS
      if (dueMs > performance.now()) await sleep(dueMs - performance.now())
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, connectInTurn))
  return outcomes
}

/** The status, or what went wrong instead. A connection that opens stays for a moment, so that shards die with some. */
async function outcomeOf(port: number): Promise<string> {
  try {
    const client = await RawClient.open({ port, deadlineMs: 12_000 })
    await sleep(20)
    client.destroy()
    return String(client.response.status)
  } catch (error) {
    return error instanceof Error ? error.message.replace(/\d{4,} ms/, 'n ms') : String(error)
  }
}

function sleep(ms: number): Promise<false> {
  return new Promise((resolve) => setTimeout(resolve, ms, false))
}
