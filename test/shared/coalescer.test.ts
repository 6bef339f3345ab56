import { mock } from 'node:test'
import t from 'tap'
import { Coalescer, windowOf } from '../../src/shared/coalescer.ts'

interface Coalescing {
  readonly coalescer: Coalescer
  readonly sent: string[]
  readonly told: string[]
  offer(key: string, text: string): boolean
}

const WINDOW_MS = 20

function coalescing(maxKeys = 10): Coalescing {
  const sent: string[] = []
  const told: string[] = []
  const observer = { onReplaced: () => told.push('replaced'), onFull: () => told.push('full') }
  const coalescer = new Coalescer(maxKeys, observer)
  const offer = (key: string, text: string): boolean =>
    coalescer.offer(key, WINDOW_MS, () => {
      sent.push(text)
      return text !== 'refused'
    })
  return { coalescer, sent, told, offer }
}

t.beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }))
t.afterEach(() => mock.timers.reset())

t.test('RO14 the first leaves at once, and of those within its window the last one at the end of it', async (t) => {
  const { sent, told, offer } = coalescing()
  for (const text of ['1', '2', '3', '4']) t.equal(offer('red', text), true)
  offer('blue', 'a')
  mock.timers.tick(WINDOW_MS - 1)
  t.same(
    [sent, told],
    [
      ['1', 'a'],
      ['replaced', 'replaced'],
    ],
  )
  mock.timers.tick(1)
  t.same(sent, ['1', 'a', '4'])
})

t.test('a message at the end of a window opens the next one', async (t) => {
  const { sent, offer } = coalescing()
  offer('red', '1')
  offer('red', '2')
  mock.timers.tick(WINDOW_MS)
  offer('red', '3')
  t.same(sent, ['1', '2'])
  mock.timers.tick(WINDOW_MS)
  t.same(sent, ['1', '2', '3'])
  mock.timers.tick(WINDOW_MS)
  offer('red', '4')
  t.same(sent, ['1', '2', '3', '4'], 'after a window without any the first leaves at once again')
})

t.test('what is sent at once says whether it was taken', async (t) => {
  const { offer } = coalescing()
  t.equal(offer('red', 'refused'), false)
  t.equal(offer('red', 'refused'), true, 'it waits')
})

t.test('for one key more than there may be nothing waits, and nothing is lost', async (t) => {
  const { sent, told, offer } = coalescing(2)
  for (const key of ['red', 'blue', 'green', 'green']) offer(key, key)
  t.same(
    [sent, told],
    [
      ['red', 'blue', 'green', 'green'],
      ['full', 'full'],
    ],
  )
  mock.timers.tick(WINDOW_MS)
  offer('green', '1')
  offer('green', '2')
  t.same(sent.slice(4), ['1'], 'there is a window again')
})

t.test('stop sends what waits, and then nothing waits', async (t) => {
  const { coalescer, sent, offer } = coalescing()
  offer('red', '1')
  offer('red', '2')
  coalescer.stop()
  offer('red', '3')
  offer('red', '4')
  mock.timers.tick(10 * WINDOW_MS)
  t.same(sent, ['1', '2', '3', '4'])
})

t.test('what a window may be', async (t) => {
  for (const options of [true, {}, { coalesceMs: 0 }, { coalesceKey: 'a' }]) t.equal(windowOf(options), 0)
  t.equal(windowOf({ coalesceMs: 60_000, coalesceKey: 'a' }), 60_000)
  for (const coalesceMs of [-1, 60_001, 1.5, Number.NaN, '1' as unknown as number])
    t.throws(() => windowOf({ coalesceMs }), { code: 'ARGUMENT_INVALID', message: /coalesceMs must be/ })
  const coalesceKey = 1 as unknown as string
  t.throws(() => windowOf({ coalesceMs: 1, coalesceKey }), { code: 'ARGUMENT_INVALID', message: /coalesceKey must be/ })
})

t.test('a window is of the same rooms and the same key', async (t) => {
  const { coalescer } = coalescing()
  const sent: string[] = []
  const send = (rooms: string[], coalesceKey: string): void => {
    coalescer.send(rooms, { coalesceMs: WINDOW_MS, coalesceKey }, () => sent.push(`${rooms} ${coalesceKey}`) > 0)
  }
  for (const [rooms, key] of [
    [['red'], ''],
    [['red', 'blue'], ''],
    [['red'], 'price'],
    [['red'], 'blue'],
    [['red'], 'price'],
  ] as const) {
    send([...rooms], key)
  }
  t.same(sent, ['red ', 'red,blue ', 'red price', 'red blue'])
  coalescer.stop()
})
