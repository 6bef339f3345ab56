/** Kill, fail, hang, leak and throw in a shard: who notices, what it costs, and when it is made good; the figures are printed as a table. */
import { extname } from 'node:path'
import { BroadcastChannel } from 'node:worker_threads'
import t, { type Test } from 'tap'
import type { WebSocketServerOptions } from '../../src/index.ts'
import { EngineUnderTest, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { moduleOf } from '../fixtures/handlers/ways.ts'
import { eventually } from '../fixtures/journal.ts'
import { LEAK_CHANNEL, type Leak } from '../fixtures/shards/leaks.ts'
import type { Order } from '../fixtures/shards/orders.ts'
import { ShardOrders, shardUrl } from '../fixtures/shards/shard-orders.ts'

const STRUCK = 0
const KILL_MS = 1500
/** A leak takes its time. */
const DEADLINE_MS = 60_000

interface Fault {
  readonly name: string
  /** Begins it; what it needs goes with the test. */
  readonly strike: (t: Test) => unknown
  readonly options: WebSocketServerOptions
  /** The first that is told of it, and why. */
  readonly noticed: { readonly kind: string; readonly cause?: RegExp }
  /** Whether it ends the shard, and with it its connections. */
  readonly isDeadly: boolean
}

function ordered(name: string, act: Order['act'], noticed: Fault['noticed'], isDeadly = true): Fault {
  const strike = (t: Test): unknown => {
    const orders = new ShardOrders()
    t.teardown(() => orders.close())
    return orders.give({ shard: STRUCK, act })
  }
  const options = { shardUrl: shardUrl('obedient'), stallMs: KILL_MS / 3, killMs: KILL_MS }
  return { name, strike, options, noticed, isDeadly }
}

function leaking(name: string, what: Leak['what'], limits: WebSocketServerOptions): Fault {
  const strike = (t: Test): void => {
    const channel = new BroadcastChannel(LEAK_CHANNEL)
    t.teardown(() => channel.close())
    // Short of what ends the thread.
    channel.postMessage({ shard: STRUCK, what, pressure: 0.96 } satisfies Leak)
  }
  const url = new URL(`../fixtures/shards/leaky-shard${extname(import.meta.url)}`, import.meta.url)
  const noticed = { kind: 'evacuated', cause: /run out of memory/ }
  return { name, strike, options: { shardUrl: url, ...limits }, noticed, isDeadly: false }
}

const FAULTS: readonly Fault[] = [
  ordered('process.exit()', 'exit', { kind: 'exited', cause: /exit/ }),
  ordered('its task fails', 'reject', { kind: 'exited', cause: /ordered to reject/ }),
  ordered('an endless loop', 'loop', { kind: 'stalled' }),
  ordered('an error that nobody catches', 'throw', { kind: 'evacuated', cause: /ordered to throw/ }, false),
  leaking('a leak of objects', 'objects', {
    resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
  }),
  leaking('a leak of Buffers', 'buffers', { maxExternalBytes: 16 * 1024 * 1024 }),
]

const table: string[][] = [
  ['fault', 'noticed by', 'after ms', 'made good after ms', 'connections lost', 'moved', 'others closed'],
]

for (const { name, strike, options, noticed, isDeadly } of FAULTS) {
  t.test(`${name}: ${isDeadly ? 'only those who were on it are lost' : 'nobody is lost'}`, async (t) => {
    const engine = await EngineUnderTest.start(t, { shards: 2, handler: moduleOf('moving'), ...options })
    const { journal, server } = engine
    const joined = await engine.joinMany(8)
    const struck = joined.filter(({ peer }) => peer.shard === STRUCK)
    const others = joined.filter(({ peer }) => peer.shard !== STRUCK)
    const startedMs = performance.now()
    const seen = journal.shardEvents.length
    await strike(t)
    const next = async (what: string, isIt: (kind: string) => boolean) => {
      const find = () => journal.shardEvents.slice(seen).find(({ kind }) => isIt(kind))
      await eventually(what, () => find() !== undefined, DEADLINE_MS)
      return find() as NonNullable<ReturnType<typeof find>>
    }
    const first = await next('the first word of it', (kind) => kind !== 'started')
    const made = await next('a shard in its place', (kind) => kind === (isDeadly ? 'started' : 'evacuated'))
    if (isDeadly) await Promise.all(struck.map(({ id }) => journal.closeOf(id)))
    t.match(first, { kind: noticed.kind, shard: STRUCK, ...(noticed.cause && { cause: { message: noticed.cause } }) })
    t.same(
      journal.closes.map(({ id, code }) => [id, code]).toSorted(),
      (isDeadly ? struck : []).map(({ id }) => [id, 1006]).toSorted(),
    )
    for (const { client, peer } of isDeadly ? others : joined) {
      sendText(client, 'still here')
      t.equal(await nextText(client), 'still here')
      t.not(peer.shard, isDeadly ? STRUCK : null)
    }
    await eventually('every seat is taken', () => server.health().shards.every(({ state }) => state === 'adopting'))
    const moved = joined.filter(({ peer }) => peer.moves > 0).length
    t.equal(moved, isDeadly ? 0 : struck.length)
    const after = (ms: number): string => (ms - startedMs).toFixed(0)
    const why = (first.cause as Error | undefined)?.message ?? 'the watchdog'
    const lost = journal.closes.length
    table.push([name, `${first.kind}: ${why}`, after(first.atMs), after(made.atMs), `${lost}`, `${moved}`, '0'])
  })
}

t.test('the figures', async (t) => {
  for (const row of table) t.comment(`| ${row.join(' | ')} |`)
  t.equal(table.length, 1 + FAULTS.length)
})
