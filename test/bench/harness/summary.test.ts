import t from 'tap'
import type { Measurement } from '../../../bench/harness/measure.ts'
import { median, summarise } from '../../../bench/harness/summary.ts'
import { judge } from '../../../bench/harness/verdicts.ts'

const NAMES = { work: 'echo-64-1', title: 'echo', server: 'shardws', metric: 'cpuUsPerMessage' } as const

const measured = (cpuUsPerMessage: number, messagesPerSecond: number): Measurement => ({
  messages: 1000,
  messagesPerSecond,
  cpuUsPerMessage,
  mainCpuUsPerMessage: null,
  serverCores: 1,
  loadCores: 0.5,
  foreignCores: 0,
  p50Us: 40,
  p99Us: 300,
  maxUs: 400,
  wireBytesPerMessage: 66,
  rssBytes: 1,
  rssBytesPerConnection: null,
  heapBytesPerConnection: null,
})

t.test('median', async (t) => {
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([10, 9, 2, 1]), 5.5)
  t.equal(median([7]), 7)
})

t.test('a row holds medians, the spread, and ratios to the reference', async (t) => {
  const reference = [measured(8, 100), measured(10, 50), measured(9, 80)]
  const row = summarise(NAMES, [measured(3, 200), measured(5, 160), measured(4.5, 120)], reference)
  t.match(row, { cpuUsPerMessage: 4.5, min: 3, max: 5, ratio: 0.5 })
  t.match(row, { messagesPerSecond: 160, throughputRatio: 2, rounds: 3, mainCpuUsPerMessage: null })
})

t.test('without a reference there is no ratio', async (t) => {
  t.match(summarise(NAMES, [measured(3, 200)], []), { ratio: null, throughputRatio: null })
})

t.test('a target compares two figures of one run, and only what was measured can be missed', async (t) => {
  const row = (server: string, us: number) => summarise({ ...NAMES, server }, [measured(us, 100)], [])
  const target = { work: 'echo-64-1', server: 'shardws', of: { server: 'ws' }, atMost: 0.5 }
  const judged = (us: number) => judge([row('ws', 10), row('shardws', us)], [target])[0]
  t.match(judged(5), { ratio: 0.5, isMet: true })
  t.match(judged(5.1), { ratio: 0.51, isMet: false })
  t.match(judge([row('shardws', 5)], [target])[0], { ratio: null, isMet: null })
  t.same(judge([row('shardws', 5)], [{ ...target, work: 'connect' }]), [])
})
