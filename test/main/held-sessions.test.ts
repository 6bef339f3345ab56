import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { type HeldSession, HeldSessions } from '../../src/main/held-sessions.ts'
import { MainCounters, type SessionCounters, type SessionLimit } from '../../src/main/main-counters.ts'
import type { ResolvedSessions } from '../../src/main/session-options.ts'

const ROOMY: ResolvedSessions = { ttlMs: 60_000, max: 100, maxBytes: 1_000_000, maxDataBytes: 2048 }

function hold(options: Partial<ResolvedSessions> = {}) {
  const counters: SessionCounters = new MainCounters().sessions
  const limits: SessionLimit[] = []
  return { held: new HeldSessions({ ...ROOMY, ...options }, counters, (limit) => limits.push(limit)), counters, limits }
}

function session(hash: string, bytes = 0): HeldSession {
  return { hash, path: '/', visitor: 'v', state: { rooms: ['a'], data: new Uint8Array(bytes), identity: 'i' } }
}

t.test('a session is found until it is removed, and its bytes go with it', async (t) => {
  const { held } = hold()
  const one = session('1', 100)
  held.add(one)
  const bytes = held.bytes
  held.add(session('2', 150))
  t.equal(held.bytes, 2 * bytes + 50)
  t.equal(held.find('1'), one)
  t.equal(held.find('3'), undefined)
  held.remove('1')
  held.remove('1')
  t.equal(held.find('1'), undefined)
  held.remove('2')
  t.same([held.size, held.bytes], [0, 0])
})

t.test('max and max + 1: the oldest goes', async (t) => {
  const { held, counters, limits } = hold({ max: 3 })
  for (const hash of ['1', '2', '3']) held.add(session(hash))
  t.same([held.size, limits], [3, []])
  held.add(session('4'))
  t.same([held.size, limits, counters.evicted], [3, ['max'], { max: 1, maxBytes: 0 }])
  t.equal(held.find('1'), undefined)
  t.ok(held.find('2') && held.find('4'))
})

t.test('maxBytes and maxBytes + 1: the oldest go until it fits', async (t) => {
  const probe = hold().held
  probe.add(session('1', 10))
  const { held, counters, limits } = hold({ maxBytes: 3 * probe.bytes })
  for (const hash of ['1', '2', '3']) held.add(session(hash, 10))
  t.same([held.size, limits], [3, []])
  held.add(session('4', 11))
  t.same([held.size, counters.evicted.maxBytes], [2, 2])
  t.ok(held.find('3') && held.find('4'))
  held.add(session('5', 4 * probe.bytes))
  t.same([held.size, held.bytes], [0, 0], 'one that is too large by itself is not kept either')
})

for (const [what, ask] of Object.entries({
  find: (held: HeldSessions) => held.find('1'),
  size: (held: HeldSessions) => held.size,
  bytes: (held: HeldSessions) => held.bytes,
  add: (held: HeldSessions) => held.add(session('3')),
})) {
  t.test(`after ttlMs it is forgotten, whoever asks: ${what}`, async (t) => {
    const { held, counters } = hold({ ttlMs: 20 })
    held.add(session('1'))
    held.add(session('2'))
    t.ok(held.find('1'))
    await pause(25)
    ask(held)
    t.equal(counters.expired, 2)
    held.remove('3')
    t.equal(held.find('1'), undefined)
    t.same([held.size, held.bytes], [0, 0])
  })
}
