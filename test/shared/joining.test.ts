import t from 'tap'
import { type CanJoin, Joining } from '../../src/shared/joining.ts'
import type { Socket } from '../../src/shared/socket.ts'
import { deferred } from '../fixtures/deferred.ts'

/** Members may be in `limit` rooms; what the membership is told is noted. */
function setUp({ limit = 10, canJoin }: { limit?: number; canJoin?: CanJoin } = {}) {
  const told: string[] = []
  const rooms = new Set<string>()
  const joining = new Joining<Socket>({
    has: (_member, room) => rooms.has(room),
    hasPlace: (_member, room, pending) => {
      told.push(`place ${room} ${pending}`)
      return rooms.size + pending < limit
    },
    canJoin: () => canJoin,
    enter: (_member, room) => {
      told.push(`enter ${room}`)
      rooms.add(room)
    },
    onForbidden: () => told.push('forbidden'),
    onFailed: (_member, error) => told.push(`failed ${error.message}`),
  })
  return { joining, told, rooms, member: {} as Socket }
}

t.test('a join enters once, after the limits', async (t) => {
  const { joining, told, member } = setUp({ limit: 1 })
  t.same([joining.join(member, 'a'), joining.join(member, 'a'), joining.join(member, 'b')], [true, true, false])
  t.equal(await joining.joinAsync(member, 'a'), true)
  t.equal(await joining.joinAsync(member, 'b'), false)
  t.equal(told.filter((line) => line.startsWith('enter')).length, 1)
})

t.test('only true lets in', async (t) => {
  for (const [answer, isIn] of [
    [true, true],
    [false, false],
    [1, false],
    [undefined, false],
    [null, false],
  ] as const) {
    const { joining, told, member } = setUp({ canJoin: () => answer as boolean })
    t.equal(joining.join(member, 'a'), isIn)
    t.equal(await joining.joinAsync(member, 'b'), isIn)
    t.equal(told.filter((line) => line === 'forbidden').length, isIn ? 0 : 2)
    const later = setUp({ canJoin: async () => answer as boolean })
    t.equal(await later.joining.joinAsync(later.member, 'a'), isIn)
  }
})

t.test('canJoin that fails has said no', async (t) => {
  for (const canJoin of [
    () => {
      throw new Error('oops')
    },
    () => Promise.reject(new Error('oops')),
  ]) {
    const { joining, told, member } = setUp({ canJoin })
    t.equal(await joining.joinAsync(member, 'a'), false)
    t.same(told.slice(1), ['failed oops', 'forbidden'])
  }
})

t.test('joins that are not decided count, and are decided by what is so by then', async (t) => {
  const verdict = deferred<boolean>()
  const { joining, told, rooms, member } = setUp({ limit: 2, canJoin: () => verdict.promise })
  const [one, two] = [joining.joinAsync(member, 'a'), joining.joinAsync(member, 'b')]
  t.equal(await joining.joinAsync(member, 'c'), false)
  t.same(told, ['place a 0', 'place b 1', 'place c 2'])
  rooms.add('x')
  verdict.resolve(true)
  t.same((await Promise.all([one, two])).filter(Boolean).length, 1, 'meanwhile it has come into another room')
  rooms.clear()
  t.equal(await joining.joinAsync(member, 'd'), true)
  t.same(told.slice(-3), ['place d 0', 'place d 0', 'enter d'], 'and nothing counts any longer')
})

t.test('join does not wait', async (t) => {
  const { joining, told, member } = setUp({ canJoin: () => Promise.reject(new Error('later')) })
  t.throws(() => joining.join(member, 'a'), { code: 'ARGUMENT_INVALID', message: /joinAsync/ })
  await new Promise((resolve) => setImmediate(resolve))
  t.same(told.slice(1), ['failed later'], 'and its rejection ends no process')
})

t.test('names of rooms are checked first', async (t) => {
  const { joining, told, member } = setUp()
  t.throws(() => joining.join(member, ''), { code: 'ARGUMENT_INVALID' })
  await t.rejects(joining.joinAsync(member, 'x'.repeat(256)), { code: 'ARGUMENT_INVALID' })
  t.same(told, [])
})
