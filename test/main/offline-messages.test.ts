import t, { type Test } from 'tap'
import { MainCounters, type OutboxLimit } from '../../src/main/main-counters.ts'
import { OfflineMessages } from '../../src/main/offline-messages.ts'
import type { OutboxOptions } from '../../src/main/user-options.ts'

const ROOMY = { max: 100, drop: 'oldest', maxBytes: 1000, maxUsers: 100, ttlMs: 60_000 } as const

interface Kept {
  readonly messages: OfflineMessages
  readonly counters: MainCounters['outbox']
  readonly limits: OutboxLimit[]
  add(userId: string, ...texts: string[]): boolean[]
  take(userId: string): string[]
}

function keep(options: OutboxOptions = {}): Kept {
  const counters = new MainCounters().outbox
  const limits: OutboxLimit[] = []
  const messages = new OfflineMessages({ ...ROOMY, ...options }, counters, (limit) => limits.push(limit))
  const take = (userId: string): string[] => {
    const taken: string[] = []
    messages.deliver(userId, (message) => taken.push(String(message)) > 0)
    return taken
  }
  const add = (userId: string, ...texts: string[]): boolean[] => texts.map((text) => messages.add(userId, text, {}))
  return { messages, counters, limits, add, take }
}

/** Nothing is left, and nothing has gone unaccounted for. */
function assertEmpty(t: Test, { messages, counters }: Kept): void {
  t.same([messages.users, messages.messages, messages.bytes], [0, 0, 0])
  const dropped = Object.values(counters.dropped).reduce((sum, count) => sum + count, 0)
  t.equal(counters.kept, counters.delivered + dropped)
}

t.test('everybody gets their own, in order and once', async (t) => {
  const kept = keep()
  kept.add('ada', '1', '22')
  kept.add('bob', '333')
  kept.add('ada', '4')
  t.same([kept.messages.users, kept.messages.messages, kept.messages.bytes], [2, 4, 7])
  t.same(kept.take('ada'), ['1', '22', '4'])
  t.same(kept.take('ada'), [])
  t.same(kept.take('eve'), [])
  t.same(kept.take('bob'), ['333'])
  assertEmpty(t, kept)
  t.same(kept.limits, [])
})

t.test('bytes are kept as they were, with their options', async (t) => {
  const { messages } = keep()
  const bytes = Buffer.from('abc')
  messages.add('ada', bytes, { compress: false })
  bytes.fill(0)
  messages.deliver('ada', (message, options) => {
    t.same([message, options], [Buffer.from('abc'), { compress: false }])
    return true
  })
  t.equal(messages.messages, 0)
})

t.test('what is not taken stays, in order', async (t) => {
  const kept = keep()
  kept.add('ada', '1', '2', '3')
  let places = 1
  kept.messages.deliver('ada', () => places-- > 0)
  t.equal(kept.counters.delivered, 1)
  kept.add('ada', '4')
  t.same(kept.take('ada'), ['2', '3', '4'])
  assertEmpty(t, kept)
})

t.test('BP05: one message more than max costs the oldest', async (t) => {
  const kept = keep({ max: 3 })
  t.same(kept.add('ada', '1', '2', '3'), [true, true, true])
  t.same(kept.limits, [])
  t.same(kept.add('ada', '4'), [true])
  t.same(kept.add('bob', '1'), [true])
  t.same([kept.limits, kept.counters.dropped.max], [['max'], 1])
  t.same(kept.take('ada'), ['2', '3', '4'])
  t.same(kept.take('bob'), ['1'])
  assertEmpty(t, kept)
})

t.test("BP05: with drop: 'newest' it is refused", async (t) => {
  const kept = keep({ max: 2, drop: 'newest', maxBytes: 10, maxUsers: 2 })
  t.same(kept.add('ada', '1', '2', '3'), [true, true, false])
  t.same(kept.add('bob', 'x'.repeat(8), 'y'), [true, false])
  t.same(kept.add('eve', ''), [false])
  t.same(kept.limits, ['max', 'maxBytes', 'maxUsers'])
  t.match(kept.counters, { kept: 3, dropped: { max: 1, maxBytes: 1, maxUsers: 1, ttlMs: 0 } })
  t.same(kept.take('ada'), ['1', '2'])
})

t.test('a byte more than maxBytes costs the oldest of who was sent something longest ago', async (t) => {
  const kept = keep({ maxBytes: 10 })
  kept.add('ada', 'aaaa', 'aa')
  kept.add('bob', 'bbbb')
  t.same([kept.messages.bytes, kept.limits], [10, []])
  kept.add('bob', 'b')
  t.same([kept.messages.bytes, kept.counters.dropped.maxBytes], [7, 1])
  kept.add('ada', 'aaaa')
  t.same([kept.messages.bytes, kept.messages.users], [9, 2], 'still ada')
  kept.add('eve', 'ee')
  t.same([kept.messages.bytes, kept.messages.users], [7, 3], 'now bob')
  t.same(['ada', 'bob', 'eve'].map(kept.take), [['aaaa'], ['b'], ['ee']])
  t.same(kept.add('eve', 'é'.repeat(5)), [true], 'ten bytes')
  t.same(kept.add('eve', 'é'.repeat(6)), [false], 'larger than everything there may be')
  t.same(kept.take('eve'), ['é'.repeat(5)])
})

t.test('one user more than maxUsers costs who was sent something longest ago', async (t) => {
  const kept = keep({ maxUsers: 2 })
  kept.add('ada', '1')
  kept.add('bob', '1', '2')
  kept.add('ada', '2')
  t.same(kept.limits, [])
  kept.add('eve', '1')
  t.same([kept.messages.users, kept.counters.dropped.maxUsers], [2, 2])
  t.same([kept.take('bob'), kept.take('ada'), kept.take('eve')], [[], ['1', '2'], ['1']])
  assertEmpty(t, kept)
})

t.test('what is older than ttlMs is forgotten', async (t) => {
  let nowMs = 1000
  t.intercept(performance, 'now', { value: () => nowMs })
  const kept = keep({ ttlMs: 100 })
  kept.add('ada', '1')
  nowMs += 50
  kept.add('bob', '1')
  kept.add('ada', '2')
  nowMs += 49
  t.same(kept.messages.messages, 3)
  nowMs += 1
  t.same(kept.take('ada'), ['2'])
  nowMs += 50
  t.same(kept.take('eve'), [])
  t.match(kept.counters, { delivered: 1, dropped: { ttlMs: 2 } })
  assertEmpty(t, kept)
})
