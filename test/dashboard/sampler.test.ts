import t, { type Test } from 'tap'
import { Paced } from '../../src/dashboard/paced.ts'
import { MOST_POINTS, Sampler, type Viewer } from '../../src/dashboard/sampler.ts'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'

const SAMPLE_MS = 1000

class Watcher implements Viewer {
  readonly shown: { readonly event: string; readonly value: { points?: unknown[] } }[] = []
  hasEnded = false

  show(event: string, value: object): void {
    this.shown.push({ event, value })
  }

  end(): void {
    this.hasEnded = true
  }
}

/** A sampler whose timer is the test's. */
async function start(t: Test) {
  const { server } = await EngineUnderTest.start(t, { shards: 0 })
  const timers = new Set<{ tick: () => void; holds: boolean; unref(): object }>()
  t.intercept(globalThis, 'setInterval', {
    value: (tick: () => void) => {
      const timer = {
        tick,
        holds: true,
        unref() {
          timer.holds = false
          return timer
        },
      }
      timers.add(timer)
      return timer
    },
  })
  t.intercept(globalThis, 'clearInterval', { value: (timer: never) => timers.delete(timer) })
  return { timers, sampler: new Sampler(server, SAMPLE_MS, (error) => t.fail(String(error))) }
}

t.test('it runs while somebody looks, and keeps nothing alive', async (t) => {
  const { timers, sampler } = await start(t)
  t.equal(timers.size, 0)
  const [one, other] = [new Watcher(), new Watcher()]
  sampler.add(one)
  sampler.add(other)
  t.equal(timers.size, 1, 'one for both')
  const [timer] = timers
  t.equal(timer!.holds, false)
  timer!.tick()
  for (const watcher of [one, other])
    t.same(
      watcher.shown.map(({ event }) => event),
      ['begin', 'sample'],
    )
  t.equal(one.shown[1]!.value, other.shown[1]!.value, 'it looks once for both')
  sampler.remove(one)
  t.ok(one.hasEnded)
  t.equal(timers.size, 1)
  sampler.remove(other)
  sampler.remove(other)
  t.equal(timers.size, 0)
  t.equal(sampler.viewers, 0)
})

t.test('what it remembers is bounded, and the latest', async (t) => {
  const { timers, sampler } = await start(t)
  sampler.add(new Watcher())
  const [timer] = timers
  for (let count = 1; count < MOST_POINTS; count++) timer!.tick()
  const points = (): unknown[] => {
    const watcher = new Watcher()
    sampler.add(watcher)
    return [...watcher.shown[0]!.value.points!]
  }
  const full = points()
  t.equal(full.length, MOST_POINTS)
  timer!.tick()
  const later = points()
  t.equal(later.length, MOST_POINTS)
  t.equal(later[0], full[1], 'the oldest has gone')
})

t.test('a question that takes long is asked rarely', async (t) => {
  let nowMs = 0
  let asked = 0
  t.intercept(performance, 'now', { value: () => nowMs })
  const paced = new Paced(() => {
    nowMs += 20
    return ++asked
  })
  t.equal(paced.read(), 1)
  nowMs = 2019
  t.equal(paced.read(), 1, 'a hundredth of the time, no more')
  nowMs = 2020
  t.equal(paced.read(), 2)
})
