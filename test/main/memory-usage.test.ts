import t from 'tap'
import { memoryUsage } from '../../src/main/memory-usage.ts'

t.test('row 28: what cannot be read for want of a descriptor stays as it was', async (t) => {
  const before = memoryUsage()
  t.ok(before.rss > 0)
  const fail = (): never => {
    throw new Error('uv_resident_set_memory returned EMFILE')
  }
  t.equal(memoryUsage(fail), before)
})
