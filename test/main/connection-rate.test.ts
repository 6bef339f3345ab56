import t, { type Test } from 'tap'
import { ConnectionRateLimit } from '../../src/main/connection-rate.ts'

interface Started {
  readonly rate: ConnectionRateLimit
  readonly pass: (ms: number) => void
  /** How many of so many attempts are let through. */
  readonly attempt: (block: string, times: number) => number
}

function start(t: Test, perIp: number, windowMs: number, burst = perIp, maxAddresses = 1000): Started {
  let nowMs = 5000
  t.capture(performance, 'now', () => nowMs)
  const rate = new ConnectionRateLimit({ perIp, windowMs, burst, maxAddresses })
  const pass = (ms: number): void => {
    nowMs += ms
  }
  const attempt = (block: string, times: number): number =>
    Array.from({ length: times }, () => rate.take(block)).filter(Boolean).length
  return { rate, pass, attempt }
}

t.test('row 40, AU15 AU22: as many as may, and not one more', async (t) => {
  for (const perIp of [1, 5, 60]) {
    t.equal(start(t, perIp, 60_000).attempt('192.0.2.1', perIp - 1), perIp - 1)
    t.equal(start(t, perIp, 60_000).attempt('192.0.2.1', perIp), perIp)
    t.equal(start(t, perIp, 60_000).attempt('192.0.2.1', perIp + 1), perIp)
  }
})

t.test('row 40: another address has a bucket of its own', async (t) => {
  const { attempt } = start(t, 2, 1000)
  t.equal(attempt('192.0.2.1', 5), 2)
  t.equal(attempt('192.0.2.2', 5), 2)
})

t.test('row 40: tokens come back one by one, up to the burst', async (t) => {
  const { attempt, pass } = start(t, 10, 1000, 20)
  t.equal(attempt('a', 30), 20, 'the burst')
  pass(99)
  t.equal(attempt('a', 1), 0)
  pass(1)
  t.equal(attempt('a', 2), 1, 'one in 100 ms; a refused one costs nothing')
  pass(1000)
  t.equal(attempt('a', 30), 10)
  // So many idle ones are before it that it is not forgotten.
  for (let i = 0; i < 40; i++) attempt(`idle ${i}`, 1)
  attempt('a', 1)
  pass(1_000_000)
  t.equal(attempt('a', 30), 20, 'no more than the burst')
})

t.test('row 40, AU15: idle addresses are forgotten, a few at each handshake', async (t) => {
  const { rate, attempt, pass } = start(t, 1, 1000)
  for (let i = 0; i < 100; i++) attempt(`192.0.2.${i}`, 1)
  t.equal(rate.size, 100)
  pass(999)
  attempt('busy', 1)
  t.equal(rate.size, 101, 'none is idle before its bucket is full')
  pass(1)
  attempt('busy', 1)
  t.equal(rate.size, 85)
  for (let i = 0; i < 10; i++) attempt('busy', 1)
  t.equal(rate.size, 1)
})

t.test('row 40, AU15: memory is bounded: past maxAddresses the one longest unseen is forgotten', async (t) => {
  const { rate, attempt } = start(t, 1, 1000, 1, 3)
  for (const block of ['a', 'b', 'c']) attempt(block, 1)
  t.equal(attempt('a', 1), 0, 'seen again')
  attempt('d', 1)
  t.equal(rate.size, 3)
  t.equal(attempt('a', 1), 0, 'a is still known')
  t.equal(attempt('b', 1), 1, 'b is not')
  for (let i = 0; i < 1000; i++) attempt(`192.0.2.${i}`, 1)
  t.equal(rate.size, 3)
})
