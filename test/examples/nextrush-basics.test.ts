/** The examples of document 001, NextRush v1, without tokens. */
import t from 'tap'
import { NextRushExample, sendJson } from '../fixtures/nextrush-example.ts'

t.test('EX04: the echo greets, echoes, and logs the close and errors', async (t) => {
  const example = new NextRushExample(t, 'echo')
  const client = await example.connect('/chat')
  t.equal(await client.nextText(), 'Welcome to chat!')
  client.socket.send('grüße')
  t.equal(await client.nextText(), 'Echo: grüße')
  client.socket.send(Buffer.from([0, 255]))
  t.same(await client.next(), { data: Buffer.from([0, 255]), isBinary: true })
  await client.close(4000, 'enough')
  await example.process.printed(/disconnected: 4000 enough/)
  const large = await example.connect('/chat')
  large.socket.send(Buffer.alloc(1024 * 1024 + 1))
  t.equal((await large.closed).code, 1009)
  await example.process.printed(/exceeds maxPayload/)
  await example.assertEnds(await example.connect('/chat'))
})

t.test('EX05: the events greet who is in the query, and know the agent', async (t) => {
  const example = new NextRushExample(t, 'events')
  const client = await example.connect('/events?userId=ann', { 'User-Agent': 'tap' })
  t.equal(await client.nextText(), 'Hello user ann!')
  t.equal(await client.nextText(), 'You use tap')
  await example.assertEnds(client)
})

t.test('EX06: room-info, chat-message, error, and who comes and goes', async (t) => {
  const example = new NextRushExample(t, 'rooms')
  const ann = await example.connect('/chat/a')
  t.same(await ann.nextJson(), { type: 'room-info', roomId: 'a', userCount: 1 })
  const bob = await example.connect('/chat/a')
  t.same(await bob.nextJson(), { type: 'room-info', roomId: 'a', userCount: 2 })
  t.same(await ann.nextJson(), { type: 'user-joined', roomId: 'a', userCount: 2 })
  const other = await example.connect('/chat/b')
  await other.nextJson()
  sendJson(ann, { text: 'hello' })
  for (const client of [ann, bob]) {
    t.match(await client.nextJson(), { type: 'chat-message', message: 'hello', roomId: 'a', timestamp: String })
  }
  for (const nonsense of ['no JSON', '{}', '[]', '{"text":7}', '{"text":" "}']) {
    ann.socket.send(nonsense)
    t.same(await ann.nextJson(), { type: 'error', message: 'Invalid message format' })
  }
  t.same(await example.json('/rooms'), { a: 2, b: 1 })
  await ann.close()
  t.same(await bob.nextJson(), { type: 'user-left', roomId: 'a', userCount: 1 })
  t.same(other.unread(), [])
  await bob.close()
  while (Object.hasOwn((await example.json('/rooms')) as object, 'a')) await new Promise(setImmediate)
  await example.assertEnds(other)
})

t.test('EX07 EX08: route parameters', async (t) => {
  const example = new NextRushExample(t, 'route-parameters')
  const ann = await example.connect('/rooms/lobby?userId=ann', { Authorization: 'Bearer x' })
  t.equal(await ann.nextText(), 'Welcome to room lobby, ann!')
  const bob = await example.connect('/rooms/lobby?userId=bob')
  t.equal(await bob.nextText(), 'Welcome to room lobby, bob without a token!')
  ann.socket.send('hello')
  t.equal(await bob.nextText(), 'ann: hello')
  t.same(ann.unread(), [])
  const player = await example.connect('/games/7/players/x%20y')
  t.same(await player.nextJson(), { type: 'connected', gameId: '7', playerId: 'x y' })
  player.socket.send('who am I?')
  t.equal(await player.nextText(), 'you are player x y of game 7')
  await example.assertEnds(player)
})
