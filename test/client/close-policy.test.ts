import t from 'tap'
import { retryAfterMs } from '../../src/client/close-policy.ts'
import { isWorthReconnecting } from '../../src/shared/protocol/worth-reconnecting.ts'

t.test('after which codes another attempt is made', async (t) => {
  const again = [1001, 1006, 1009, 1011, 1012, 1013, 1014, 1015, 3001, 3008, 4000, 4399, 4408, 4429, 4500, 4999]
  const final = [1000, 1002, 1003, 1005, 1007, 1008, 1010, 3000, 3003, 4400, 4401, 4403, 4404, 4409, 4499]
  t.same([...again, ...final].filter(isWorthReconnecting), again)
})

t.test('the hint in a reason is in seconds and has a limit', async (t) => {
  for (const [reason, ms] of [
    ['retry-after=5', 5000],
    ['restart; Retry-After=0', 0],
    ['full, retry-after=3600', 3_600_000],
    ['full, retry-after=3601', 3_600_000],
    ['retry-after=1000000000', 0],
    ['retry-after=-5', 0],
    ['retry-after=x', 0],
    ['noretry-after=5', 0],
    ['', 0],
  ] as const) {
    t.equal(retryAfterMs(reason), ms, reason)
  }
})
