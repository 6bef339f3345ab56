import t from 'tap'
import type { Engine } from '../../src/main/engine.ts'
import { processMetrics, register, resetProcessMetrics, unregister } from '../../src/main/process-metrics.ts'
import { Counter, Counters } from '../../src/shared/counters.ts'

/** An engine, as far as its figures go. */
function engineWith(shards: number): { engine: Engine; count: (amount: number, shard?: number) => void } {
  const shardCounters = Counters.allocate(shards)
  const count = (amount: number, shard = 0): void => {
    const row = shardCounters.row(shard)
    row.add(Counter.CONNECTIONS, amount)
    row.add(Counter.MESSAGES_RECEIVED, 2 * amount)
    row.add(Counter.MESSAGES_SENT, 3 * amount)
    row.add(Counter.BYTES_RECEIVED, 4 * amount)
    row.add(Counter.BYTES_SENT, 5 * amount)
  }
  return { engine: { shardCounters } as unknown as Engine, count }
}

function figures(connections: number, totals: number) {
  return {
    connections,
    messagesReceived: 2 * totals,
    messagesSent: 3 * totals,
    bytesReceived: 4 * totals,
    bytesSent: 5 * totals,
    compressionRatio: 0,
  }
}

t.test('without an engine everything is 0', async (t) => {
  t.same(processMetrics(), figures(0, 0))
})

t.test('the shards of all engines are added up', async (t) => {
  const [one, two] = [engineWith(1), engineWith(2)]
  register(one.engine)
  register(two.engine)
  one.count(1)
  two.count(10, 0)
  two.count(100, 1)
  t.same(processMetrics(), figures(111, 111))

  unregister(two.engine)
  t.same(processMetrics(), figures(1, 111), 'the totals of an engine that is gone stay, its connections do not')
  two.count(1000)
  unregister(two.engine)
  t.same(processMetrics(), figures(1, 111), 'it is gone once')
  unregister(one.engine)
  t.same(processMetrics(), figures(0, 111))
})

t.test('a reset zeroes the totals and leaves the connections', async (t) => {
  const { engine, count } = engineWith(1)
  register(engine)
  count(5)
  resetProcessMetrics()
  t.same(processMetrics(), figures(5, 0))
  count(2)
  t.same(processMetrics(), figures(7, 2))
  resetProcessMetrics()
  resetProcessMetrics()
  t.same(processMetrics(), figures(7, 0))
  count(3)
  unregister(engine)
  t.same(processMetrics(), figures(0, 3), 'only what came after the reset')
  resetProcessMetrics()
  t.same(processMetrics(), figures(0, 0))
})

t.test('a later engine starts at 0 after a reset', async (t) => {
  const [one, two] = [engineWith(1), engineWith(1)]
  register(one.engine)
  one.count(9)
  resetProcessMetrics()
  register(two.engine)
  two.count(1)
  t.same(processMetrics(), figures(10, 1))
  unregister(one.engine)
  unregister(two.engine)
  t.same(processMetrics(), figures(0, 1))
})
