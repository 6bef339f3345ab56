import t, { type Test } from 'tap'
import { resolveOptions } from '../../src/main/resolve-options.ts'
import type { ShardOptions } from '../../src/shared/messages.ts'
import { Heartbeat } from '../../workers/heartbeat.ts'

const NEVER = { pingIntervalMs: 0, livenessMs: 0, idleTimeoutMs: 0, maxLifetimeMs: 0, closeTimeoutMs: 600_000 }

interface Started {
  readonly heartbeat: Heartbeat
  readonly periodMs: number
  readonly cleared: () => boolean
  /** Lets time pass and the timer fire. */
  readonly tick: (ms: number) => void
}

/** A heartbeat whose timer and time are the test's. */
function start(
  t: Test,
  options: Partial<ShardOptions>,
  connections = new Map<unknown, { sweep(now: number): void }>(),
): Started {
  let realMs = 0
  t.capture(performance, 'now', () => realMs)
  const timer = {}
  const set = t.capture(globalThis, 'setInterval', (() => timer) as never)
  const clear = t.capture(globalThis, 'clearInterval', (() => {}) as never)
  const heartbeat = new Heartbeat({ ...resolveOptions().shard, ...options }, connections)
  const [call] = set.args() as unknown as [callback: () => void, ms: number][]
  const [callback, periodMs] = call!
  const tick = (ms: number): void => {
    realMs += ms
    callback()
  }
  return { heartbeat, periodMs, tick, cleared: () => clear.args().some(([given]) => (given as unknown) === timer) }
}

for (const [why, options, periodMs] of [
  ['the defaults', {}, 1000],
  ['only a close deadline', NEVER, 1000],
  ['a short ping interval', { ...NEVER, pingIntervalMs: 400 }, 100],
  ['a short liveness deadline', { ...NEVER, livenessMs: 1000 }, 250],
  ['a short idle timeout', { ...NEVER, idleTimeoutMs: 2000 }, 500],
  ['a short life', { ...NEVER, maxLifetimeMs: 80 }, 20],
  ['a short close deadline', { ...NEVER, closeTimeoutMs: 40 }, 10],
  ['the shortest of several', { ...NEVER, idleTimeoutMs: 2000, livenessMs: 800 }, 200],
  ['very short ones', { ...NEVER, pingIntervalMs: 1 }, 10],
  ['4 s', { ...NEVER, pingIntervalMs: 4000 }, 1000],
  ['more than 4 s', { ...NEVER, pingIntervalMs: 4001 }, 1000],
] as const) {
  t.test(`with ${why} it sweeps every ${periodMs} ms`, async (t) => {
    t.equal(start(t, options).periodMs, periodMs)
  })
}

t.test('one sweep passes the time of the clock to every connection', async (t) => {
  const seen: [name: string, now: number][] = []
  const connections = new Map(['a', 'b'].map((name) => [name, { sweep: (now: number) => void seen.push([name, now]) }]))
  const { heartbeat, tick } = start(t, {}, connections)
  tick(1000)
  tick(60_000)
  t.same(
    seen,
    [
      ['a', 1000],
      ['b', 1000],
      ['a', 3000],
      ['b', 3000],
    ],
    'of the stall two periods count',
  )
  t.equal(heartbeat.clock.now, 3000)
})

t.test('connections may go and come during a sweep', async (t) => {
  const swept: string[] = []
  const connections = new Map<string, { sweep(now: number): void }>()
  const { tick } = start(t, {}, connections)
  for (const name of ['a', 'b', 'c']) {
    connections.set(name, {
      sweep: () => {
        swept.push(name)
        connections.delete(name)
      },
    })
  }
  tick(1000)
  tick(1000)
  t.same(swept, ['a', 'b', 'c'])
})

t.test('stop ends the timer', async (t) => {
  const { heartbeat, cleared } = start(t, {})
  t.notOk(cleared())
  heartbeat.stop()
  t.ok(cleared())
})
