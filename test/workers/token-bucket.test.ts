import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { TokenBucket } from '../../workers/token-bucket.ts'

t.test('a burst, then the rate', async (t) => {
  const budget = new TokenBucket(1000, 500, 0)
  t.ok(budget.spend(500, 0), 'all of the burst at once')
  t.notOk(budget.spend(1, 0))
  t.notOk(budget.spend(101, 100))
  t.ok(budget.spend(100, 100), 'a refusal has taken nothing')
  t.notOk(budget.spend(1, 100))
  t.ok(budget.spend(0, 100))
  t.notOk(budget.spend(501, 1e9), 'it never holds more than the burst')
  t.ok(budget.spend(500, 1e9))
})

t.test('property: never more than burst and rate allow, never less', async () => {
  const steps = fc.array(fc.record({ bytes: fc.nat(400), ms: fc.nat(300) }), { maxLength: 100 })
  fc.assert(
    fc.property(steps, (list) => {
      const budget = new TokenBucket(1000, 500, 0)
      let now = 0
      let spent = 0
      // The classical definition: over no stretch of time more than burst + rate × time.
      const history: { at: number; before: number }[] = []
      for (const { bytes, ms } of list) {
        now += ms
        history.push({ at: now, before: spent })
        const most = Math.min(...history.map(({ at, before }) => 500 + (now - at) - (spent - before)))
        const isAllowed = budget.spend(bytes, now)
        if (isAllowed) spent += bytes
        if (Math.abs(bytes - most) > 1e-6) assert.equal(isAllowed, bytes < most)
      }
    }),
  )
})

t.test('what could not be taken goes beyond the burst, until it is taken', async (t) => {
  const budget = new TokenBucket(1000, 500, 0)
  budget.excuse(2000, 0)
  t.equal(budget.available(0), 2500)
  t.equal(budget.available(10_000), 2500, 'and does not grow')
  t.ok(budget.spend(2400, 10_000))
  t.equal(budget.available(20_000), 500)
})

t.test('the time in which nothing could be taken fills it once', async (t) => {
  const spent = new TokenBucket(1000, 500, 0)
  t.ok(spent.spend(500, 0))
  spent.excuse(300, 300)
  t.equal(spent.available(300), 300)
  t.equal(spent.available(400), 400, 'and the time after it goes on')
  const filled = new TokenBucket(1000, 500, 0)
  t.ok(filled.spend(500, 0))
  filled.excuse(300, 2000)
  t.equal(filled.available(2000), 800, 'full before, and as much as the time is worth')
})

t.test('an overdraft takes what is not there, and it has to fill up first', async (t) => {
  const budget = new TokenBucket(1000, 500, 0)
  t.equal(budget.overdraw(500, 0), true)
  t.equal(budget.overdraw(200, 0), false)
  t.equal(budget.available(0), -200)
  t.notOk(budget.spend(1, 200))
  t.ok(budget.spend(1, 201))
})

t.test('another bucket, by another clock, goes on with what is there', async (t) => {
  for (const spent of [0, 300, 700]) {
    const [former, next] = [new TokenBucket(1000, 500, 0), new TokenBucket(1000, 500, 1e6)]
    former.overdraw(spent, 0)
    next.restore(structuredClone(former.snapshot(100)), 1e6)
    t.equal(next.available(1e6), former.available(100), `after ${spent}`)
    t.equal(next.available(1e6 + 50), former.available(150))
  }
})
