import t, { type Test } from 'tap'
import type { RunningShard } from '../../src/main/running-shard.ts'
import { Watchdog, type WatchdogOptions } from '../../src/main/watchdog.ts'
import { block } from '../fixtures/block.ts'
import { eventually } from '../fixtures/journal.ts'

interface Watched {
  /** Beats at every look, unless it stands still. */
  readonly shard: { isRunning: boolean; isStalled: boolean; isStill: boolean; readonly beats: number }
  readonly told: string[]
}

function watch(t: Test, options: Partial<WatchdogOptions>): Watched {
  let beats = 0
  const shard = {
    isRunning: true,
    isStalled: false,
    isStill: false,
    get beats(): number {
      return this.isStill ? beats : ++beats
    },
  }
  const told: string[] = []
  const watchdog = new Watchdog(
    { stallMs: 40, killMs: 0, beatMs: 10, ...options },
    () => [shard as unknown as RunningShard],
    {
      onStalled: () => void told.push('stalled'),
      onResumed: () => void told.push('resumed'),
      onDead: () => {
        told.push('dead')
        shard.isRunning = false
      },
    },
  )
  watchdog.start()
  t.teardown(() => watchdog.stop())
  return { shard, told }
}

t.test('a shard without beats is stalled once, and resumed with the next beat', async (t) => {
  const { shard, told } = watch(t, {})
  shard.isStill = true
  await eventually('stalled', () => told.length > 0)
  t.same(told, ['stalled'])
  t.equal(shard.isStalled, true)
  shard.isStill = false
  await eventually('resumed', () => told.length > 1)
  t.same(told, ['stalled', 'resumed'])
  t.equal(shard.isStalled, false)
  shard.isStill = true
  await eventually('stalled again', () => told.length > 2)
  t.same(told, ['stalled', 'resumed', 'stalled'])
})

t.test('after killMs it is dead, and not looked at any more', async (t) => {
  const { shard, told } = watch(t, { killMs: 80 })
  shard.isStill = true
  await eventually('dead', () => told.includes('dead'))
  t.same(told, ['stalled', 'dead'])
  shard.isStill = false
  block(50)
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.same(told, ['stalled', 'dead'])
})

t.test('what is not running is not watched, and begins anew when it runs', async (t) => {
  const { shard, told } = watch(t, { killMs: 80 })
  shard.isRunning = false
  shard.isStill = true
  await new Promise((resolve) => setTimeout(resolve, 150))
  t.same(told, [])
  shard.isRunning = true
  await eventually('stalled', () => told.length > 0)
  t.equal(told[0], 'stalled')
})

t.test('the time in which this thread stands still counts for two periods at most', async (t) => {
  const { shard, told } = watch(t, { killMs: 80 })
  await eventually('its first beat', () => shard.beats > 3)
  shard.isStill = true
  block(500)
  // The sweep that was due meanwhile.
  await new Promise((resolve) => setTimeout(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  t.same(told, [])
  await eventually('dead, some periods later', () => told.includes('dead'))
})
