import fc from 'fast-check'
import t from 'tap'
import { Room, RoomIndex } from '../../src/shared/room-index.ts'

interface Member {
  readonly id: number
}

const MEMBERS: readonly Member[] = [0, 1, 2, 3].map((id) => ({ id }))
/** Names that are traps for objects used as maps. */
const NAMES = ['__proto__', 'constructor', 'toString', 'a', 'ä', '']

function index(): RoomIndex<Member> {
  return new RoomIndex((name) => new Room(name))
}

t.test('property: joins and leaves in any order keep the books right', async (t) => {
  const step = fc.tuple(
    fc.constantFrom('add', 'add', 'remove', 'removeAll'),
    fc.constantFrom(...MEMBERS),
    fc.constantFrom(...NAMES),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const rooms = index()
      const model = new Map<string, Set<Member>>()
      const isIn = (member: Member, name: string): boolean => model.get(name)?.has(member) ?? false
      const drop = (member: Member, name: string): void => {
        model.get(name)?.delete(member)
        if (model.get(name)?.size === 0) model.delete(name)
      }
      for (const [what, member, name] of steps) {
        if (what === 'add') {
          const isNew = !isIn(member, name)
          if ((rooms.add(member, name) !== undefined) !== isNew) return false
          model.set(name, (model.get(name) ?? new Set()).add(member))
        } else if (what === 'remove') {
          if ((rooms.remove(member, name) !== undefined) !== isIn(member, name)) return false
          drop(member, name)
        } else {
          const left = rooms.removeAll(member).map((room) => room.name)
          const expected = NAMES.filter((each) => isIn(member, each))
          if (left.length !== expected.length || !expected.every((each) => left.includes(each))) return false
          for (const each of expected) drop(member, each)
        }
        if (!agrees(rooms, model)) return false
      }
      return true
    }),
    { numRuns: 300 },
  )
  t.pass()
})

function agrees(rooms: RoomIndex<Member>, model: ReadonlyMap<string, ReadonlySet<Member>>): boolean {
  const memberships = [...model.values()].reduce((sum, { size }) => sum + size, 0)
  if (rooms.size !== model.size || rooms.memberships !== memberships) return false
  if ([...rooms.rooms].some(({ name }) => !model.has(name))) return false
  for (const name of NAMES) {
    const expected = [...(model.get(name) ?? [])]
    const room = rooms.get(name)
    if ((room === undefined) !== (expected.length === 0)) return false
    if (room !== undefined && (room.size !== expected.length || room.name !== name)) return false
    const members = [...(room?.members ?? [])]
    if (members.length !== expected.length || expected.some((each, at) => members[at] !== each)) return false
  }
  return MEMBERS.every((member) => {
    const names = NAMES.filter((name) => model.get(name)?.has(member))
    const joined = [...rooms.roomsOf(member)].map(({ name }) => name)
    if (rooms.count(member) !== names.length || joined.length !== names.length) return false
    return NAMES.every(
      (name) => rooms.has(member, name) === names.includes(name) && joined.includes(name) === names.includes(name),
    )
  })
}

t.test('a room that is empty is gone, and the next of its name is another one', async (t) => {
  const rooms = index()
  const [one] = MEMBERS
  const first = rooms.add(one!, 'a')
  rooms.remove(one!, 'a')
  t.equal(rooms.get('a'), undefined)
  t.equal(rooms.size, 0)
  t.not(rooms.add(one!, 'a'), first)
})

t.test('a membership keeps the room, not one more copy of its name', async (t) => {
  const rooms = index()
  const [one, other] = MEMBERS
  t.equal(rooms.add(one!, 'general'), rooms.add(other!, ['gen', 'eral'].join('')))
  t.same([...rooms.roomsOf(one!)], [...rooms.roomsOf(other!)])
})
