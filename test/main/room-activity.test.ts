import t from 'tap'
import { type ActivityOrder, topRooms } from '../../src/main/room-activity.ts'
import { RoomDirectory } from '../../src/main/room-directory.ts'
import { Random } from '../fuzz/random.ts'

function member(): { readonly home: { readonly index: number } } {
  return { home: { index: 0 } }
}

t.test('RO11 the first rooms by messages, by members and by how long nothing has happened', async (t) => {
  let nowMs = 1000.5
  t.intercept(performance, 'now', { value: () => nowMs })
  const directory = new RoomDirectory<ReturnType<typeof member>>()
  for (const [name, members, messages] of [
    ['quiet', 3, 0],
    ['busy', 1, 5],
    ['large', 4, 1],
  ] as const) {
    for (let count = 0; count < members; count++) directory.add(member(), name)
    for (let count = 0; count < messages; count++) directory.get(name)?.published()
    nowMs += 100
  }
  const names = (order: ActivityOrder, top = 10): string[] =>
    topRooms(directory.rooms, top, order).map(({ room }) => room)
  t.same(names('busiest'), ['busy', 'large', 'quiet'])
  t.same(names('largest'), ['large', 'quiet', 'busy'])
  t.same(names('stalest'), ['quiet', 'busy', 'large'])
  t.same(names('largest', 1), ['large'])
  t.same(topRooms(directory.rooms, 1, 'busiest'), [
    { room: 'busy', members: 1, messages: 5, lastActivity: performance.timeOrigin + 1100 },
  ])
  directory.add(member(), 'quiet')
  t.same(names('stalest'), ['busy', 'large', 'quiet'], 'a join is activity')
  directory.get('busy')?.published()
  nowMs += 1
  directory.get('quiet')?.published()
  t.same(names('stalest'), ['large', 'busy', 'quiet'])
})

t.test('it is what sorting all of them would give', async (t) => {
  const random = new Random('activity')
  const directory = new RoomDirectory<ReturnType<typeof member>>()
  for (let room = 0; room < 500; room++) {
    directory.add(member(), `room ${room}`)
    for (let count = random.below(50); count > 0; count--) directory.get(`room ${room}`)?.published()
  }
  const sorted = [...directory.rooms].map(({ messages }) => messages).sort((one, other) => other - one)
  for (const top of [1, 2, 10, 499, 500, 501]) {
    t.same(
      topRooms(directory.rooms, top, 'busiest').map(({ messages }) => messages),
      sorted.slice(0, top),
    )
  }
})

t.test('what is no number or order is the caller’s mistake', async (t) => {
  const { rooms } = new RoomDirectory()
  for (const top of [0, 1001, 1.5, '1' as unknown as number]) {
    t.throws(() => topRooms(rooms, top, 'busiest'), { code: 'ARGUMENT_INVALID', message: /^top must/ })
  }
  for (const order of ['best', 'toString'] as never[]) {
    t.throws(() => topRooms(rooms, 1, order), { code: 'ARGUMENT_INVALID', message: /^order must/ })
  }
  t.same(topRooms(rooms, 1000, 'busiest'), [])
})
