import t from 'tap'
import { memoryUsage, orAsBefore } from '../../src/main/memory-usage.ts'

t.test('row 28: what cannot be read for want of a descriptor stays as it was', async (t) => {
  t.ok(memoryUsage().rss > 0)
  let canRead = true
  const read = orAsBefore(() => {
    if (!canRead) throw new Error('uv_resident_set_memory returned EMFILE')
    return process.memoryUsage()
  }, process.memoryUsage())
  const before = read()
  canRead = false
  t.equal(read(), before)
})
