import { once } from 'node:events'
import { MessageChannel } from 'node:worker_threads'
import t from 'tap'
import { Sweep } from '../../src/shared/sweep.ts'
import { block } from '../fixtures/block.ts'

const PERIOD_MS = 20

t.test('its time stands still while this thread does', async (t) => {
  const sweep = new Sweep(PERIOD_MS, () => {})
  t.equal(sweep.nowMs, 0)
  sweep.start()
  t.teardown(() => sweep.stop())
  block(20 * PERIOD_MS)
  t.equal(sweep.nowMs, 2 * PERIOD_MS)
})

t.test('it goes on while the thread does, and tells how late it is', async (t) => {
  const startedMs = performance.now()
  const times: number[] = []
  await new Promise<void>((resolve) => {
    const sweep = new Sweep(PERIOD_MS, (nowMs) => {
      times.push(nowMs)
      if (times.length < 4) return
      sweep.stop()
      resolve()
    })
    sweep.start()
    sweep.start()
  })
  t.equal(times.length, 4, 'no second timer for a second start')
  t.ok((times[0] as number) > 0)
  t.same(
    times,
    times.toSorted((a, b) => a - b),
  )
  t.ok((times[3] as number) <= performance.now() - startedMs, 'never ahead of the real time')
})

t.test('what has arrived while the thread was blocked is read before anything is due', async (t) => {
  const { port1, port2 } = new MessageChannel()
  t.teardown(() => port1.close())
  let isRead = false
  port2.on('message', () => {
    isRead = true
  })
  // The first message opens the way: reading begins with a turn of its own.
  port1.postMessage('first')
  await once(port2, 'message')
  isRead = false
  const wasRead = await new Promise<boolean>((resolve) => {
    const sweep = new Sweep(PERIOD_MS, () => {
      sweep.stop()
      resolve(isRead)
    })
    sweep.start()
    // Behind immediates the timers are the next to run, and reading comes after them.
    setImmediate(() => {
      block(2 * PERIOD_MS)
      port1.postMessage('second')
    })
  })
  t.equal(wasRead, true)
})

t.test('stopped, it keeps its time and runs nothing', async (t) => {
  let sweeps = 0
  const sweep = new Sweep(PERIOD_MS, () => sweeps++)
  sweep.start()
  block(2 * PERIOD_MS)
  sweep.stop()
  const stoppedMs = sweep.nowMs
  t.equal(stoppedMs, 2 * PERIOD_MS)
  // The timer of the same length that is started later fires later.
  await new Promise((resolve) => setTimeout(resolve, PERIOD_MS))
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(sweeps, 0)
  t.equal(sweep.nowMs, stoppedMs)
  sweep.start()
  t.ok(sweep.nowMs >= stoppedMs, 'and goes on from there')
  sweep.stop()
})
