import t from 'tap'
import { type Excluded, NOBODY } from '../../src/shared/messages.ts'
import { RoomInterest } from '../../src/shared/room-interest.ts'
import { type RoomMember, Rooms } from '../../workers/rooms.ts'
import { SharedMessage } from '../../workers/shared-message.ts'

class Listener implements RoomMember {
  readonly key: number
  readonly received: SharedMessage[] = []

  constructor(key: number) {
    this.key = key
  }

  sendShared(message: SharedMessage): void {
    this.received.push(message)
  }
}

/** All but this one. */
function except(...keys: number[]): Excluded {
  return { keys, rooms: [] }
}

function message(): SharedMessage {
  return new SharedMessage(Buffer.from([0x81, 0x00]), 0, 0, 1024, null)
}

t.test('RO21: every member gets the one message, but who is excepted', async (t) => {
  const rooms = new Rooms(RoomInterest.allocate(1, 100), 0)
  const [one, two, three] = [1, 2, 3].map((key) => new Listener(key))
  for (const member of [one!, two!]) rooms.join(member, 'red')
  rooms.join(three!, 'blue')
  const [first, second] = [message(), message()]
  rooms.publish(['red'], first, NOBODY)
  rooms.publish(['red'], second, except(two!.key))
  rooms.publish(['green'], message(), NOBODY)
  t.equal(one!.received[0], first)
  t.equal(one!.received[1], second)
  t.equal(one!.received.length, 2)
  t.equal(two!.received[0], first)
  t.equal(two!.received.length, 1)
  t.same(three!.received, [])
})

t.test('several rooms are one audience, and rooms can be excepted', async (t) => {
  const rooms = new Rooms(RoomInterest.allocate(1, 100), 0)
  const members = [1, 2, 3, 4].map((key) => new Listener(key))
  for (const [index, names] of [['red'], ['red', 'blue'], ['blue', 'quiet'], ['green']].entries()) {
    for (const name of names) rooms.join(members[index]!, name)
  }
  const counts = () => members.map(({ received }) => received.length)
  rooms.publish(['red', 'blue', 'nobody'], message(), NOBODY)
  t.same(counts(), [1, 1, 1, 0])
  rooms.publish(['red', 'blue'], message(), { keys: [], rooms: ['quiet', 'nobody'] })
  t.same(counts(), [2, 2, 1, 0])
  rooms.publish(['red', 'blue'], message(), { keys: [1, 99], rooms: ['quiet'] })
  t.same(counts(), [2, 3, 1, 0])
  rooms.publish(['red', 'blue'], message(), except(1, 2))
  t.same(counts(), [2, 3, 2, 0])
})

t.test('RO18: a member that has closed is in no room, and rooms without members are gone', async (t) => {
  const rooms = new Rooms(RoomInterest.allocate(1, 100), 0)
  const [one, two] = [1, 2].map((key) => new Listener(key))
  for (const name of ['red', 'blue', '__proto__']) rooms.join(one!, name)
  rooms.join(two!, 'red')
  rooms.leaveAll(one!)
  t.same([rooms.size, rooms.memberships], [1, 1])
  rooms.publish(['red'], message(), NOBODY)
  rooms.publish(['__proto__'], message(), NOBODY)
  t.same([one!.received.length, two!.received.length], [0, 1])
  rooms.leave(two!, 'blue')
  t.equal(rooms.size, 1, 'it was not in there')
  rooms.leave(two!, 'red')
  t.same([rooms.size, rooms.memberships], [0, 0])
})

t.test('a member that leaves while the room is served does not disturb the others', async (t) => {
  const rooms = new Rooms(RoomInterest.allocate(1, 100), 0)
  const quitter = new Listener(1)
  const others = [2, 3].map((key) => new Listener(key))
  for (const member of [quitter, ...others]) rooms.join(member, 'red')
  quitter.sendShared = () => rooms.leaveAll(quitter)
  rooms.publish(['red'], message(), NOBODY)
  t.same(
    others.map(({ received }) => received.length),
    [1, 1],
  )
  t.equal(rooms.memberships, 2)
})
