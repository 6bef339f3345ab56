import { mock } from 'node:test'
import t from 'tap'
import type { RunningShard } from '../../src/main/running-shard.ts'
import { Seat } from '../../src/main/seat.ts'

const shard = (index: number): RunningShard => ({ index }) as RunningShard

t.test('only the latest start for a seat is wanted, and none when somebody has it', async (t) => {
  const seat = new Seat(0)
  t.equal(seat.isVacant, true)
  const first = seat.expect()
  const second = seat.expect()
  t.same([first(), second(), seat.isVacant], [false, true, false])
  seat.seat(shard(5))
  t.same([second(), seat.isVacant, seat.row], [false, false, 5])
  const third = seat.expect()
  t.equal(seat.clear()?.index, 5)
  t.same([third(), seat.isVacant], [false, true])
})

t.test('three deaths within five seconds are taken, the fourth degrades it, until a shard adopts', async (t) => {
  for (const [times, isDegraded] of [
    [[0, 1, 2], false],
    [[0, 1, 2, 4999], true],
    [[0, 1, 2, 5000], false],
  ] as const) {
    const seat = new Seat(0)
    for (const ms of times) seat.lose(ms)
    t.equal(seat.isDegraded, isDegraded, String(times))
    seat.recover()
    t.equal(seat.isDegraded, false)
  }
})

t.test('a degraded seat is tried again after 30 s, unless a successor has it or it is gone', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const retried: string[] = []
  const [waiting, cleared] = [new Seat(0), new Seat(1)]
  for (const seat of [waiting, cleared]) for (let death = 0; death < 4; death++) seat.lose(0)
  waiting.retryLater(() => retried.push('waiting'))
  cleared.retryLater(() => retried.push('cleared'))
  cleared.clear()
  t.equal(cleared.isDegraded, false)
  mock.timers.tick(29_999)
  t.same(retried, [])
  mock.timers.tick(1)
  t.same(retried, ['waiting'])
})
