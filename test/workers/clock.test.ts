import t, { type Test } from 'tap'
import { Clock } from '../../workers/clock.ts'

const PERIOD_MS = 100

/** A clock on a time that only the test moves. */
function clockIn(t: Test): { clock: Clock; pass: (ms: number) => void } {
  let realMs = 5000
  t.capture(performance, 'now', () => realMs)
  const pass = (ms: number): void => {
    realMs += ms
  }
  return { clock: new Clock(PERIOD_MS), pass }
}

t.test('it moves only when it is told to', async (t) => {
  const { clock, pass } = clockIn(t)
  t.equal(clock.now, 0)
  pass(50)
  t.equal(clock.now, 0)
  clock.advance()
  t.equal(clock.now, 50)
})

t.test('between two sweeps the exact time goes on, of a gap as far as the next sweep will', async (t) => {
  const { clock, pass } = clockIn(t)
  pass(30)
  clock.advance()
  pass(50)
  t.equal(clock.exactNow, 80)
  pass(1000)
  t.equal(clock.exactNow, 230)
  clock.advance()
  t.equal(clock.now, 230)
  t.equal(clock.exactNow, 230)
})

t.test('a sweep that is on time, early or a little late counts in full', async (t) => {
  const { clock, pass } = clockIn(t)
  for (const ms of [100, 1, 150, 200]) {
    pass(ms)
    clock.advance()
  }
  t.equal(clock.now, 451)
})

t.test('of a gap, two periods at most', async (t) => {
  const { clock, pass } = clockIn(t)
  for (const [ms, expected] of [
    [200, 200],
    [201, 400],
    [60_000, 600],
    [86_400_000, 800],
    [10, 810],
  ] as const) {
    pass(ms)
    clock.advance()
    t.equal(clock.now, expected, `after a gap of ${ms} ms`)
  }
})

t.test('it never goes backwards', async (t) => {
  const { clock } = clockIn(t)
  clock.advance()
  clock.advance()
  t.equal(clock.now, 0)
})

t.test('the time of day follows real time, gaps included, and not the wall clock', async (t) => {
  const { clock, pass } = clockIn(t)
  t.equal(clock.epochMs, performance.timeOrigin + 5000)
  t.capture(Date, 'now', () => 0)
  pass(60_000)
  clock.advance()
  t.equal(clock.epochMs, performance.timeOrigin + 65_000)
})

t.test('a thread that really stands still loses no more than two periods', async (t) => {
  const clock = new Clock(10)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60)
  clock.advance()
  t.equal(clock.now, 20)
})
