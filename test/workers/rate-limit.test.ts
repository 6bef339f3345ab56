import t from 'tap'
import type { RateLimitOptions } from '../../src/shared/messages.ts'
import { RateLimit } from '../../workers/rate-limit.ts'

const OPTIONS: RateLimitOptions = {
  messages: 10,
  perMs: 1000,
  burst: 20,
  bytesPerSecond: 0,
  action: 'pause',
  graceMs: 5000,
}

/** What becomes of `count` messages of one byte. */
function admit(rate: RateLimit, count: number, now = 0): string[] {
  return Array.from({ length: count }, () => rate.admit(1, now))
}

for (const [action, beyond] of [
  ['pause', 'pause'],
  ['close', 'pause'],
  ['drop', 'drop'],
  ['error', 'drop'],
] as const) {
  t.test(`row 41: '${action}': burst - 1, burst, and one more`, async (t) => {
    const rate = new RateLimit({ ...OPTIONS, action }, 0)
    t.same(admit(rate, 19), Array(19).fill('deliver'))
    t.same(admit(rate, 1), ['deliver'])
    t.same(admit(rate, 1), [beyond])
  })
}

t.test('row 41: the burst comes back at the rate, and never more than the burst', async (t) => {
  const rate = new RateLimit({ ...OPTIONS, action: 'drop' }, 0)
  admit(rate, 20)
  t.same(admit(rate, 1, 99), ['drop'])
  t.same(admit(rate, 2, 100), ['deliver', 'drop'], 'a refused message has cost nothing')
  t.same(admit(rate, 21, 1e9), [...Array(20).fill('deliver'), 'drop'])
})

t.test('row 41: a period that is not a second', async (t) => {
  const rate = new RateLimit({ ...OPTIONS, perMs: 100, action: 'drop' }, 0)
  admit(rate, 20)
  t.same(admit(rate, 2, 10), ['deliver', 'drop'])
})

t.test('row 41: bytes have a budget of their own: two seconds at once', async (t) => {
  const rate = new RateLimit({ ...OPTIONS, bytesPerSecond: 1000, action: 'drop' }, 0)
  t.equal(rate.admit(1999, 0), 'deliver')
  t.equal(rate.admit(1, 0), 'deliver')
  t.equal(rate.admit(1, 0), 'drop')
  t.equal(rate.admit(0, 0), 'deliver', 'an empty one costs none')
  t.equal(rate.admit(501, 500), 'drop')
  t.equal(rate.admit(500, 500), 'deliver')
})

t.test('row 41: what has too many bytes costs no message, and the other way round', async (t) => {
  const rate = new RateLimit({ ...OPTIONS, burst: 2, bytesPerSecond: 1000, action: 'drop' }, 0)
  for (let i = 0; i < 10; i++) t.equal(rate.admit(2001, 0), 'drop')
  t.same(admit(rate, 2), ['deliver', 'deliver'])
  for (let i = 0; i < 10; i++) t.equal(rate.admit(1000, 0), 'drop')
  t.equal(rate.admit(1998, 100), 'deliver', 'all bytes but two are there')
})

t.test('row 41: a held-back peer goes on when half of its burst is there', async (t) => {
  const rate = new RateLimit(OPTIONS, 0)
  admit(rate, 25)
  t.notOk(rate.hasRecovered(0))
  t.notOk(rate.hasRecovered(1499), 'what was delivered beyond the burst has to fill up first')
  t.ok(rate.hasRecovered(1500))
})

t.test('row 41: and when half of its bytes are there', async (t) => {
  const rate = new RateLimit({ ...OPTIONS, bytesPerSecond: 1000 }, 0)
  t.equal(rate.admit(3000, 0), 'pause')
  t.notOk(rate.hasRecovered(1999))
  t.ok(rate.hasRecovered(2000))
})

t.test("row 41: 'close': who goes on for graceMs is given up, who lets the budget fill up is not", async (t) => {
  const options: RateLimitOptions = { ...OPTIONS, action: 'close', graceMs: 5000 }
  const stubborn = new RateLimit(options, 0)
  const repentant = new RateLimit(options, 0)
  for (const rate of [stubborn, repentant]) admit(rate, 21)
  for (let now = 1100; now < 5000; now += 1100) {
    t.ok(stubborn.hasRecovered(now), 'it is read again')
    t.notOk(stubborn.isExhausted)
    admit(stubborn, 11, now)
  }
  admit(stubborn, 11, 4999)
  t.notOk(stubborn.isExhausted)
  admit(stubborn, 11, 5000)
  t.ok(stubborn.isExhausted)

  t.notOk(repentant.isExhausted, 'full again')
  admit(repentant, 21, 2200)
  t.notOk(repentant.isExhausted, 'its grace has begun anew')
})

t.test(
  "row 41: 'close': the time that a budget takes to fill up is not held against a peer that is silent",
  async (t) => {
    const rate = new RateLimit({ ...OPTIONS, perMs: 60_000, action: 'close', graceMs: 5000 }, 0)
    admit(rate, 21)
    t.notOk(rate.isExhausted)
    t.notOk(rate.isExhausted)
    t.ok(rate.hasRecovered(66_000))
    admit(rate, 15, 66_000)
    t.ok(rate.isExhausted, 'but one that goes on is not forgiven')
  },
)

for (const action of ['pause', 'drop', 'error'] as const) {
  t.test(`row 41: '${action}' never gives a peer up`, async (t) => {
    const rate = new RateLimit({ ...OPTIONS, action, graceMs: 0 }, 0)
    for (let now = 0; now < 20_000; now += 100) admit(rate, 30, now)
    t.notOk(rate.isExhausted)
  })
}

t.test("row 41: 'error' tells once per period", async (t) => {
  const rate = new RateLimit({ ...OPTIONS, action: 'error' }, 0)
  t.equal(rate.mustTell(0), 'error')
  t.equal(rate.mustTell(0), null)
  t.equal(rate.mustTell(999), null)
  t.equal(rate.mustTell(1000), 'error')
  t.equal(rate.mustTell(1999), null)
  t.equal(new RateLimit({ ...OPTIONS, action: 'drop' }, 0).mustTell(0), 'log')
})

t.test('row 41: what piled up while the connection was not read is not too much', async (t) => {
  const rate = new RateLimit({ ...OPTIONS, action: 'drop', bytesPerSecond: 1000 }, 0)
  rate.excuse(3000, 0)
  t.same(admit(rate, 50), Array(50).fill('deliver'), 'a burst of 20 and what three seconds allow')
  t.equal(rate.admit(1, 0), 'drop')
})

t.test('row 41: who moves to another shard gains nothing by it', async (t) => {
  const moved = (rate: RateLimit, options: RateLimitOptions, now: number): RateLimit => {
    const next = new RateLimit(options, 1e6)
    next.restore(structuredClone(rate.snapshot(now)), 1e6)
    return next
  }
  const drop: RateLimitOptions = { ...OPTIONS, bytesPerSecond: 100, action: 'drop' }
  const dropping = new RateLimit(drop, 0)
  t.same(admit(dropping, 21), [...Array(20).fill('deliver'), 'drop'])
  t.equal(dropping.mustTell(0), 'log')
  const next = moved(dropping, drop, 500)
  t.same(admit(next, 6, 1e6), [...Array(5).fill('deliver'), 'drop'])
  t.equal(next.mustTell(1e6 + 499), null, 'told of once per period')
  t.equal(next.mustTell(1e6 + 500), 'log')
  t.equal(next.admit(300, 1e6), 'drop')

  const close: RateLimitOptions = { ...OPTIONS, action: 'close', graceMs: 5000 }
  const stubborn = new RateLimit(close, 0)
  admit(stubborn, 30)
  const stillStubborn = moved(stubborn, close, 1000)
  t.notOk(stillStubborn.hasRecovered(1e6 + 999))
  for (const ms of [1100, 2200, 3300, 3999]) admit(stillStubborn, 11, 1e6 + ms)
  t.notOk(stillStubborn.isExhausted)
  admit(stillStubborn, 11, 1e6 + 4000)
  t.ok(stillStubborn.isExhausted)
  t.ok(moved(stillStubborn, close, 1e6 + 4000).isExhausted)
})
