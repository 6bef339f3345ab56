import { getHeapStatistics } from 'node:v8'
import t, { type Test } from 'tap'
import { Counter, type CounterRow, Counters } from '../../src/shared/counters.ts'
import { MemoryWatch, readMemory } from '../../workers/memory-watch.ts'

const MIB = 1024 * 1024
const HEAP_LIMIT = 100 * MIB
const MAX_EXTERNAL = 1000 * MIB

interface Started {
  readonly counters: CounterRow
  /** What the shard was told to do. */
  readonly told: string[]
  readonly periodMs: number
  readonly cleared: () => boolean
  /** A sample that finds these parts of what the heap and the memory outside it may be. */
  readonly sample: (heap: number, external?: number) => void
}

/** A watch whose timer and memory are the test's. */
function start(t: Test): Started {
  let heap = 0
  let external = 0
  const timer = {}
  const set = t.capture(globalThis, 'setInterval', (() => timer) as never)
  const clear = t.capture(globalThis, 'clearInterval', (() => {}) as never)
  const counters = Counters.allocate(1).row(0)
  const told: string[] = []
  const watch = new MemoryWatch(
    counters,
    { heapBytes: HEAP_LIMIT, externalBytes: MAX_EXTERNAL },
    { shed: () => void told.push('shed'), recycle: () => void told.push('recycle') },
    () => ({ heapBytes: heap * HEAP_LIMIT, externalBytes: external * MAX_EXTERNAL }),
  )
  t.teardown(() => watch.stop())
  const [call] = set.args() as unknown as [callback: () => void, ms: number][]
  const [callback, periodMs] = call!
  return {
    counters,
    told,
    periodMs,
    cleared: () => {
      watch.stop()
      return clear.args().some(([given]) => (given as unknown) === timer)
    },
    sample: (heapPart, externalPart = 0) => {
      heap = heapPart
      external = externalPart
      callback()
    },
  }
}

t.test('row 9: a sample every 100 ms, until it is stopped', async (t) => {
  const { periodMs, cleared } = start(t)
  t.equal(periodMs, 100)
  t.ok(cleared())
})

t.test('row 9: gauges of the heap, of what is outside it, and of the larger part', async (t) => {
  const { counters, sample } = start(t)
  sample(0.5, 0.25)
  t.equal(counters.get(Counter.HEAP_BYTES), 50 * MIB)
  t.equal(counters.get(Counter.EXTERNAL_BYTES), 250 * MIB)
  t.equal(counters.get(Counter.MEMORY_PRESSURE), 0.5)
  sample(0.25, 0.75)
  t.equal(counters.get(Counter.MEMORY_PRESSURE), 0.75, 'Buffers count, although V8 has no limit for them')
  sample(0, 0)
  t.equal(counters.get(Counter.MEMORY_PRESSURE), 0)
})

for (const [where, at] of [
  ['the heap', (part: number): [number, number] => [part, 0]],
  ['the memory outside it', (part: number): [number, number] => [0, part]],
] as const) {
  t.test(`row 9: 90 % of ${where}: something goes at every sample`, async (t) => {
    const { told, sample } = start(t)
    sample(...at(0.89))
    t.same(told, [])
    sample(...at(0.9))
    sample(...at(0.94))
    t.same(told, ['shed', 'shed'])
  })

  t.test(`row 9: 95 % of ${where}, twice in a row: the shard ends, once`, async (t) => {
    const { told, sample } = start(t)
    const recycled = (): number => told.filter((each) => each === 'recycle').length
    sample(...at(0.95))
    sample(...at(0.94))
    sample(...at(0.99))
    t.equal(recycled(), 0, 'one alone may be garbage')
    sample(...at(0.95))
    t.equal(recycled(), 1)
    sample(...at(0.99))
    sample(...at(0.99))
    t.equal(recycled(), 1)
  })
}

t.test('row 9: what it reads is what this thread holds', async (t) => {
  const before = readMemory()
  const buffer = Buffer.alloc(64 * MIB)
  // Not the difference: a collection in between may let go of something else.
  t.ok(readMemory().externalBytes >= buffer.length)
  const { used_heap_size } = getHeapStatistics()
  t.ok(before.heapBytes > MIB && before.heapBytes <= used_heap_size, `${before.heapBytes} of ${used_heap_size}`)
})
