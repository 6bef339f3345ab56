import t from 'tap'
import type { Measurement } from '../../../bench/harness/measure.ts'
import { median, summarise } from '../../../bench/harness/summary.ts'

const NAMES = { work: 'echo-64-1', title: 'echo', server: 'shardws' }

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
  rssBytes: 1,
})

t.test('median', async (t) => {
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([10, 9, 2, 1]), 5.5)
  t.equal(median([7]), 7)
})

t.test('a row holds medians, the spread, and ratios to the reference', async (t) => {
  const reference = [measured(8, 100), measured(10, 50), measured(9, 80)]
  const row = summarise(NAMES, [measured(3, 200), measured(5, 160), measured(4.5, 120)], reference)
  t.match(row, { cpuUsPerMessage: 4.5, cpuUsPerMessageMin: 3, cpuUsPerMessageMax: 5, cpuRatio: 0.5 })
  t.match(row, { messagesPerSecond: 160, throughputRatio: 2, rounds: 3, mainCpuUsPerMessage: null })
})

t.test('without a reference there is no ratio', async (t) => {
  t.match(summarise(NAMES, [measured(3, 200)], []), { cpuRatio: null, throughputRatio: null })
})
