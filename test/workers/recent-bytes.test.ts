import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { RecentBytes } from '../../workers/recent-bytes.ts'

t.test('property: the last so many bytes of everything since it was empty', async () => {
  const parts = fc.array(fc.option(fc.uint8Array({ maxLength: 5000 }), { freq: 9 }), { maxLength: 12 })
  const capacities = fc.constantFrom(512, 1024, 4096, 8192)
  fc.assert(
    fc.property(parts, capacities, (list, capacity) => {
      const recent = new RecentBytes(capacity)
      let all = Buffer.alloc(0)
      for (const part of list) {
        if (part === null) recent.clear()
        else recent.add(part)
        all = part === null ? Buffer.alloc(0) : Buffer.concat([all, part])
        assert.deepEqual(Buffer.from(recent.copy()), all.subarray(-capacity))
      }
    }),
    { numRuns: 300 },
  )
})

t.test('a copy owns its memory', async (t) => {
  const recent = new RecentBytes(512)
  recent.add(Buffer.from('abc'))
  const copy = recent.copy()
  recent.add(Buffer.alloc(512))
  t.equal(Buffer.from(copy).toString(), 'abc')
  t.equal(copy.buffer.byteLength, 3)
})
