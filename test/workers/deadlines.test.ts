import t from 'tap'
import { resolveOptions } from '../../src/main/resolve-options.ts'
import type { ShardOptions } from '../../src/shared/messages.ts'
import { Deadlines } from '../../workers/deadlines.ts'

const NEVER = { pingIntervalMs: 0, livenessMs: 0, idleTimeoutMs: 0, maxLifetimeMs: 0 }

function deadlines(options: Partial<ShardOptions>, now = 0): Deadlines {
  return new Deadlines({ ...resolveOptions().shard, ...NEVER, ...options }, now)
}

/** The first whole millisecond at which something is due. */
function firstDue(options: Partial<ShardOptions>): number {
  const all = deadlines(options)
  for (let now = 0; now < 10_000; now++) if (all.due(now, true, false) !== null) return now
  return Number.POSITIVE_INFINITY
}

t.test('the first ping and the end of life are spread by ± 10 %', async (t) => {
  for (const name of ['pingIntervalMs', 'maxLifetimeMs'] as const) {
    const times = Array.from({ length: 100 }, () => firstDue({ [name]: 1000 }))
    t.ok(
      times.every((time) => time >= 900 && time <= 1100),
      name,
    )
    t.ok(new Set(times).size > 20, `${name}: not all at once`)
  }
})

t.test('a deadline of 0 is none', async (t) => {
  t.equal(deadlines({}).due(1e15, true, false), null)
})

t.test('of several that are due, the one that ends most comes first', async (t) => {
  const all = { pingIntervalMs: 10, livenessMs: 10, idleTimeoutMs: 10, maxLifetimeMs: 10 }
  const ending = deadlines(all)
  ending.endWithin(5, 0)
  t.equal(ending.due(100, true, false), 'end')
  t.equal(deadlines(all).due(100, true, false), 'liveness')
  t.equal(deadlines({ ...all, livenessMs: 0 }).due(100, true, false), 'idle')
  t.equal(deadlines({ ...all, livenessMs: 0, idleTimeoutMs: 0 }).due(100, true, false), 'lifetime')
  t.equal(deadlines({ pingIntervalMs: 10 }).due(100, true, false), 'ping')
})

t.test('a connection that is not open has only its end before it', async (t) => {
  const all = deadlines({ pingIntervalMs: 10, livenessMs: 10, idleTimeoutMs: 10, maxLifetimeMs: 10 })
  t.equal(all.due(100, false, false), null)
  all.endWithin(50, 100)
  t.equal(all.due(149, false, false), null)
  t.equal(all.due(150, false, false), 'end')
})

t.test('who makes room for output is alive, and still idle', async (t) => {
  const alive = deadlines({ livenessMs: 10 })
  for (const now of [9, 18, 27]) {
    alive.hasRead(now)
    t.equal(alive.due(now + 9, true, false), null)
  }
  const { unreadMs } = alive.snapshot(30)
  t.equal(unreadMs, 3)
  const moved = deadlines({ livenessMs: 10 }, 1000)
  moved.restore(alive.snapshot(30), 1000)
  t.equal(moved.due(1006, true, false), null)
  t.equal(moved.due(1007, true, false), 'liveness')
  t.equal(alive.due(37, true, false), 'liveness')
  const idle = deadlines({ idleTimeoutMs: 10 })
  idle.hasRead(9)
  t.equal(idle.due(10, true, false), 'idle')
})

t.test('times are counted from when it was made', async (t) => {
  const all = deadlines({ livenessMs: 10 }, 1000)
  t.equal(all.due(1009, true, false), null)
  t.equal(all.due(1010, true, false), 'liveness')
})

t.test('a late ping does not make the next one early', async (t) => {
  const all = deadlines({ pingIntervalMs: 10 })
  t.equal(all.due(500, true, false), 'ping')
  t.equal(all.due(509, true, false), null)
  t.equal(all.due(510, true, false), 'ping')
})

t.test('on another shard, whose clock differs, everything is due when it was', async (t) => {
  const OPTIONS = { ...resolveOptions().shard, ...NEVER }
  for (const name of ['idleTimeoutMs', 'livenessMs', 'maxLifetimeMs', 'pingIntervalMs', 'messageTimeoutMs'] as const) {
    const options = { ...OPTIONS, messageTimeoutMs: 0, [name]: 1000 }
    const former = new Deadlines(options, 0)
    former.heard(200)
    former.messageIs(true, 200)
    const next = new Deadlines(options, 1e6)
    next.restore(structuredClone(former.snapshot(500)), 1e6)
    const dueAt = (each: Deadlines, start: number): number => {
      for (let ms = 0; ms < 2000; ms++) if (each.due(start + ms, true, false) !== null) return ms
      return Number.POSITIVE_INFINITY
    }
    const wanted = dueAt(former, 500)
    t.ok(wanted <= 700, name)
    t.ok(Math.abs(dueAt(next, 1e6) - wanted) <= 1, name)
  }
})

t.test('on another shard, what is never due stays so', async (t) => {
  const next = deadlines({ messageTimeoutMs: 1000 }, 1e6)
  next.restore(structuredClone(deadlines({ messageTimeoutMs: 1000 }).snapshot(5000)), 1e6)
  t.equal(next.due(1e12, true, false), null)
})

t.test(
  'the time in which a connection was not read does not count, however often; what was before it does',
  async (t) => {
    for (const name of ['idleTimeoutMs', 'livenessMs', 'messageTimeoutMs'] as const) {
      const all = deadlines({ messageTimeoutMs: 0, [name]: 1000 })
      all.messageIs(true, 0)
      for (let pause = 0; pause < 3; pause++) all.readAgain(300)
      t.equal(all.due(1950, true, true), null, `${name}: while it is not read`)
      t.equal(all.due(1950, true, false), null, `${name}: what has piled up is read first`)
      t.equal(all.due(1899, true, false), null, name)
      t.not(all.due(1900, true, false), null, name)
    }
  },
)
