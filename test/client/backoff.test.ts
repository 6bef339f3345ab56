import t from 'tap'
import { backoffMs } from '../../src/client/backoff.ts'

const ATTEMPTS = [1, 2, 3, 4, 5, 2000]

t.test('CL02 the delay grows by factor from base to max', async (t) => {
  const delays = (factor: number) =>
    ATTEMPTS.map((attempt) => backoffMs(attempt, { base: 100, factor, max: 1000, jitter: 0 }, Math.random))
  t.same(delays(2), [100, 200, 400, 800, 1000, 1000])
  t.same(delays(1), [100, 100, 100, 100, 100, 100])
  t.equal(backoffMs(1, { base: 100, factor: 2, max: 10, jitter: 0 }, Math.random), 10)
})

t.test('CL01 jitter is the random part of it: none, half, all', async (t) => {
  const third = (jitter: number, random: number): number =>
    backoffMs(3, { base: 100, factor: 2, max: 1000, jitter }, () => random)
  t.same([third(0, 0.75), third(0.5, 0), third(0.5, 0.5), third(0.5, 1)], [400, 400, 300, 200])
  t.same([third(1, 0), third(1, 0.25), third(1, 0.75), third(1, 1)], [400, 300, 100, 0])
})
