import t from 'tap'
import { Counter, Counters } from '../../src/shared/counters.ts'
import { ERROR_CODES } from '../../src/shared/errors.ts'

const ALL = Object.values(Counter)

t.test('every counter has a place of its own in its row', async (t) => {
  t.equal(new Set(ALL).size, ALL.length)
  const row = Counters.allocate(1).row(0)
  for (const [index, counter] of ALL.entries()) row.add(counter, index + 1)
  t.same(
    ALL.map((counter) => row.get(counter)),
    ALL.map((_, index) => index + 1),
  )
})

t.test('rows do not touch each other, and the total is their sum', async (t) => {
  const counters = Counters.allocate(3)
  for (const index of [0, 1, 2]) {
    for (const counter of ALL) counters.row(index).add(counter, 10 ** index * (counter + 1))
  }
  for (const counter of ALL) {
    t.equal(counters.row(1).get(counter), 10 * (counter + 1))
    t.equal(counters.total(counter), 111 * (counter + 1))
  }
})

t.test('another view of the same memory, at any time, sees the same', async (t) => {
  const counters = Counters.allocate(2)
  const elsewhere = new Counters(counters.memory)
  counters.row(1).add(Counter.MESSAGES_SENT, 3)
  t.equal(elsewhere.row(1).get(Counter.MESSAGES_SENT), 3)
  elsewhere.row(1).add(Counter.MESSAGES_SENT, -1)
  t.equal(counters.row(1).get(Counter.MESSAGES_SENT), 2)
})

t.test('a row is whole cache lines', async (t) => {
  t.equal((Counters.allocate(2).memory.byteLength / 2) % 64, 0)
  t.equal(Counters.allocate(0).memory.byteLength, Counters.allocate(1).memory.byteLength, 'never empty')
})

t.test('row 47: a death zeroes the gauges of its row and nothing else', async (t) => {
  const counters = Counters.allocate(2)
  for (const index of [0, 1]) for (const counter of ALL) counters.row(index).add(counter, 7)
  counters.row(0).clearGauges()
  const gauges: Counter[] = [
    Counter.CONNECTIONS,
    Counter.QUEUED_BYTES,
    Counter.HEAP_BYTES,
    Counter.EXTERNAL_BYTES,
    Counter.MEMORY_PRESSURE,
    Counter.ROOMS,
    Counter.LOOP_DELAY_MS,
    Counter.LOOP_TICKED_MS,
    Counter.LOOP_UTILIZATION,
  ]
  for (const counter of ALL) t.equal(counters.row(0).get(counter), gauges.includes(counter) ? 0 : 7)
  t.equal(counters.total(Counter.CONNECTIONS), 7)
})

t.test('failures are counted by code, apart from the counters and from other shards', async (t) => {
  const counters = Counters.allocate(2)
  for (const counter of ALL) counters.row(0).add(counter, 1)
  t.equal(counters.failures().size, 0)
  for (const [index, code] of ERROR_CODES.entries()) {
    for (let count = 0; count <= index; count++) counters.row(count % 2).countFailure(code)
  }
  t.same(
    [...counters.failures()],
    [...ERROR_CODES.entries()].map(([index, code]) => [code, index + 1]),
  )
  for (const counter of ALL) t.equal(counters.total(counter), 1)
})
