import t from 'tap'
import { resolveOptions } from '../../src/main/resolve-options.ts'
import type { ShardOptions } from '../../src/shared/messages.ts'
import { ControlFrames } from '../../workers/control-frames.ts'

function controls(options: Partial<ShardOptions> = {}): ControlFrames {
  return new ControlFrames({ ...resolveOptions().shard, ...options }, 0)
}

/** How many of `count` frames are admitted. */
function admitted(frames: ControlFrames, count: number, now = 0): number {
  return Array.from({ length: count }, () => frames.admit(now)).filter(Boolean).length
}

t.test('row 26: limit - 1, limit, and one more; the default is 100 a second', async (t) => {
  const frames = controls()
  t.equal(admitted(frames, 99), 99)
  t.equal(admitted(frames, 1), 1)
  t.equal(admitted(frames, 1), 0)
})

t.test('row 26: the rate fills up with time, to one second of it', async (t) => {
  const frames = controls({ maxControlRate: 10 })
  t.equal(admitted(frames, 10), 10)
  t.equal(admitted(frames, 5, 300), 3)
  t.equal(admitted(frames, 20, 1e6), 10)
})

t.test('row 26: 0 is no limit', async (t) => {
  t.equal(admitted(controls({ maxControlRate: 0 }), 100_000), 100_000)
})

t.test('row 26: so many pongs may wait, then only the latest is owed; the default is 16', async (t) => {
  const frames = controls()
  for (let i = 1; i <= 16; i++) t.ok(frames.mayQueue(Buffer.from(`${i}`)), `pong ${i}`)
  t.notOk(frames.mayQueue(Buffer.from('17')))
  t.notOk(frames.mayQueue(Buffer.from('18')))
  t.same(frames.drain()?.toString(), '18')
  t.equal(frames.drain(), null, 'once')
  t.ok(frames.mayQueue(Buffer.from('19')), 'and then as many again')
})

t.test('row 26: at the limit nothing is owed', async (t) => {
  const frames = controls({ maxPendingPongs: 2 })
  frames.mayQueue(Buffer.from('1'))
  frames.mayQueue(Buffer.from('2'))
  t.equal(frames.drain(), null)
})

t.test('row 26: what is owed is a copy: the payload is a view on what was read', async (t) => {
  const frames = controls({ maxPendingPongs: 1 })
  const payload = Buffer.from('ping')
  frames.mayQueue(payload)
  frames.mayQueue(payload)
  payload.fill(0)
  t.equal(frames.drain()?.toString(), 'ping')
})

t.test('row 26: on another shard as many may follow as would have, and the same pong is owed', async (t) => {
  const [former, next] = [
    controls({ maxControlRate: 10, maxPendingPongs: 1 }),
    controls({ maxControlRate: 10, maxPendingPongs: 1 }),
  ]
  admitted(former, 10)
  former.mayQueue(Buffer.from('1'))
  former.mayQueue(Buffer.from('2'))
  next.restore(structuredClone(former.snapshot(200)), 1e6)
  t.notOk(next.mayQueue(Buffer.from('3')))
  next.restore(structuredClone(former.snapshot(200)), 1e6)
  t.equal(admitted(next, 10, 1e6), 2)
  t.ok(next.owesPong)
  t.equal(next.drain()?.toString(), '2')
})
