import t from 'tap'
import { WaitingMessages } from '../../src/client/waiting-messages.ts'

const LARGE = 1_000_000

t.test('CL04 at most max messages: the oldest or the newest goes', async (t) => {
  const oldest = new WaitingMessages({ max: 2, maxBytes: LARGE, drop: 'oldest' })
  t.same(oldest.add('a'), { isKept: true, dropped: [] })
  t.same(oldest.add('a'), { isKept: true, dropped: [] })
  t.same(oldest.add('a'), { isKept: true, dropped: ['a'] }, 'an older one that looks the same')
  t.same(oldest.add('b'), { isKept: true, dropped: ['a'] })
  t.same([oldest.take(), oldest.take(), oldest.take()], ['a', 'b', undefined])

  const newest = new WaitingMessages({ max: 2, maxBytes: LARGE, drop: 'newest' })
  for (const message of ['a', 'b']) t.same(newest.add(message), { isKept: true, dropped: [] })
  t.same(newest.add('c'), { isKept: false, dropped: ['c'] })
  t.same(newest.takeAll(), ['a', 'b'])

  const none = new WaitingMessages({ max: 0, maxBytes: LARGE, drop: 'oldest' })
  t.same(none.add('a'), { isKept: false, dropped: ['a'] })
})

t.test('CL04 at most maxBytes of UTF-8: one byte less, as many, one more', async (t) => {
  for (const [message, dropped] of [
    ['é', []],
    ['éa', []],
    ['éé', ['12345']],
  ] as const) {
    const waiting = new WaitingMessages({ max: 10, maxBytes: 8, drop: 'oldest' })
    waiting.add('12345')
    t.same(waiting.add(message), { isKept: true, dropped })
    t.equal(waiting.bytes, Buffer.byteLength(message) + (dropped.length === 0 ? 5 : 0))
  }
  const newest = new WaitingMessages({ max: 10, maxBytes: 8, drop: 'newest' })
  newest.add('12345')
  t.same(newest.add('éé'), { isKept: false, dropped: ['éé'] })
  t.same([newest.count, newest.bytes], [1, 5])
})

t.test('one that can never fit costs the others nothing, and bytes are copied', async (t) => {
  const waiting = new WaitingMessages({ max: 10, maxBytes: 4, drop: 'oldest' })
  const bytes = new Uint8Array([1, 2])
  waiting.add(bytes)
  bytes.fill(9)
  t.same(waiting.add('12345'), { isKept: false, dropped: ['12345'] })
  t.same([waiting.count, waiting.bytes], [1, 2])
  t.same(waiting.take(), new Uint8Array([1, 2]))
  t.same([waiting.count, waiting.bytes], [0, 0])
})
