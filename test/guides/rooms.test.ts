/** docs/guides/rooms.md: every server is run. */
import t from 'tap'
import { Guide } from '../fixtures/guide.ts'

const guide = new Guide('rooms')

t.test('every block is run here', async (t) => {
  const files = ['rooms.handler.js', 'server.js', 'members-only.js', 'prices.js', 'lobby.js']
  t.same(Object.keys(guide.files), files)
})

t.test('server.js: who comes, what is said, and a room that is full', async (t) => {
  const connect = await guide.serve(t, 'server.js')
  const members = []
  for (let size = 0; size < 3; size++) {
    const member = await connect('/rooms/red')
    t.same(await member.nextJson(), { type: 'welcome', room: 'red' })
    for (const other of members) t.match(await other.nextJson(), { type: 'came' })
    members.push(member)
  }
  members[1]!.socket.send('hi')
  for (const member of members) t.same(await member.nextJson(), { type: 'said', text: 'hi' })
  const fourth = await connect('/rooms/red')
  t.same(await fourth.closed, { code: 1008, reason: 'the room is full' })
})

t.test('members-only.js: canJoin', async (t) => {
  const ann = await (await guide.serve(t, 'members-only.js'))('/?name=ann')
  for (const room of ['public', 'private-ann', 'private-bob']) ann.socket.send(room)
  const answers = [await ann.nextText(), await ann.nextText(), await ann.nextText()]
  t.same(answers, ['public: true', 'private-ann: true', 'private-bob: false'])
})

t.test('prices.js: the first at once, then the latest', async (t) => {
  const client = await (await guide.serve(t, 'prices.js'))('/prices')
  client.socket.send('go')
  t.same([await client.nextText(), await client.nextText()], ['XYZ 1', 'XYZ 10'])
  t.same(client.unread(), [])
})

t.test('lobby.js: presence and history', async (t) => {
  const connect = await guide.serve(t, 'lobby.js')
  const ann = await connect('/lobby')
  ann.socket.send('hello')
  t.equal(await ann.nextText(), 'hello')
  const bob = await connect('/lobby')
  t.equal(await bob.nextText(), 'hello', 'which was said before it came')
  t.same(await ann.nextJson(), { type: 'user-joined', room: 'lobby', userCount: 2 })
  await bob.close()
  t.same(await ann.nextJson(), { type: 'user-left', room: 'lobby', userCount: 1 })
})
