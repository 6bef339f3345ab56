import t, { type Test } from 'tap'
import { AutoRebalance } from '../../src/main/auto-rebalance.ts'
import { type Deferred, deferred } from '../fixtures/deferred.ts'
import { RecordingLogger } from '../fixtures/recording-logger.ts'

const OPTIONS = { intervalMs: 3_600_000, ratio: 1.5, minDifference: 4, maxMoves: 7 }

/** A server whose shards have so many connections, and what it was asked for. */
function setUp(t: Test, options: Partial<typeof OPTIONS> = {}) {
  const logger = new RecordingLogger()
  const { records } = logger
  const host = {
    counts: [] as (number | null)[],
    asked: [] as number[],
    answer: (): Promise<{ moved: number; stayed: number }> | null => Promise.resolve({ moved: 1, stayed: 0 }),
    counters: { rebalances: 0 },
    options: { logger },
    supervisor: {
      get seats() {
        return host.counts.map((assigned) => (assigned === null ? null : { assigned }))
      },
    },
    topology: {
      evenOut(most: number) {
        host.asked.push(most)
        return host.answer()
      },
    },
  }
  const rebalance = new AutoRebalance({ ...OPTIONS, ...options }, host)
  t.teardown(() => rebalance.stop())
  const looks = async (...counts: (number | null)[]): Promise<number> => {
    host.counts = counts
    const before = host.asked.length
    await rebalance.look()
    return host.asked.length - before
  }
  return { host, looks, records, rebalance }
}

for (const [what, options, counts, asks] of [
  ['at the ratio', {}, [30, 10], 0],
  ['above the ratio', {}, [31, 9], 1],
  ['below the ratio', {}, [29, 11], 0],
  ['below the least difference', { ratio: 1 }, [3, 0, 0], 0],
  ['at the least difference', { ratio: 1 }, [4, 0, 0], 1],
  ['above the least difference', { ratio: 1 }, [5, 0, 0], 1],
  ['empty', {}, [0, 0], 0],
] as const) {
  t.test(`${what}: it ${asks === 1 ? 'begins' : 'does not begin'}`, async (t) => {
    t.equal(await setUp(t, options).looks(...counts), asks)
  })
}

t.test('once begun it goes on until no two differ by more than one, then the ratio counts again', async (t) => {
  const { host, looks, records } = setUp(t)
  t.equal(await looks(40, 0), 1)
  t.equal(await looks(22, 18), 1, 'that alone would not make it begin')
  t.equal(await looks(21, 19), 1)
  t.equal(await looks(20, 20), 0)
  t.equal(await looks(22, 18), 0)
  t.same(host.asked, [7, 7, 7], 'so many moves at a time')
  t.equal(host.counters.rebalances, 3)
  t.equal(records.filter(({ message }) => message === 'shards evened out').length, 3)
})

t.test('nothing is counted or said when nobody has moved, it is not the time, or it fails', async (t) => {
  const { host, looks, records } = setUp(t)
  for (const answer of [null, Promise.resolve({ moved: 0, stayed: 3 }), Promise.reject(new Error('closed'))]) {
    host.answer = () => answer
    t.equal(await looks(40, null), 1)
  }
  t.same([host.counters.rebalances, records], [0, []])
})

t.test('it looks every so often until it is stopped', async (t) => {
  const { host, rebalance } = setUp(t)
  rebalance.stop()
  host.counts = [40, 0]
  const asked: Deferred<void> = deferred()
  host.answer = () => {
    asked.resolve()
    return null
  }
  const often = new AutoRebalance({ ...OPTIONS, intervalMs: 1 }, host)
  await asked.promise
  often.stop()
  const { length } = host.asked
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.equal(host.asked.length, length)
})
