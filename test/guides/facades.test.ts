/** docs/guides/nextrush.md and verb.md: their servers are run. */
import t from 'tap'
import { startDocumentedExample } from '../fixtures/documented-example.ts'
import { Guide } from '../fixtures/guide.ts'
import { MessageClient } from '../fixtures/message-client.ts'

t.test('nextrush.md: a room by its path, and an announcement over HTTP', async (t) => {
  const port = await startDocumentedExample(t, 'server.js', new Guide('nextrush').files)
  const join = (room: string): Promise<MessageClient> => MessageClient.connect(`ws://127.0.0.1:${port}/chat/${room}`)
  const [ann, bob, eve] = [await join('general'), await join('general'), await join('other')]
  for (const each of [ann, bob, eve]) t.teardown(() => each.socket.terminate())
  ann.socket.send('hi')
  for (const each of [ann, bob]) t.equal(await each.nextText(), 'hi')
  const answer = await fetch(`http://127.0.0.1:${port}/announce`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{"text":"soon"}',
  })
  t.same(await answer.json(), { connections: 3 })
  for (const each of [ann, bob]) t.equal(await each.nextText(), '{"text":"soon"}')
  t.same(eve.unread(), [])
})

t.test('verb.md: a page, the default handlers, and a route that upgrades', async (t) => {
  const port = await startDocumentedExample(t, 'server.js', new Guide('verb').files)
  t.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), '<h1>Hello</h1>')
  const echo = await MessageClient.connect(`ws://127.0.0.1:${port}/`)
  t.teardown(() => echo.socket.terminate())
  t.equal(await echo.nextText(), 'Welcome!')
  echo.socket.send('x')
  t.equal(await echo.nextText(), 'Echo: x')
  const chat = await MessageClient.connect(`ws://127.0.0.1:${port}/chat`)
  t.teardown(() => chat.socket.terminate())
  chat.socket.send('to all others')
  t.equal(await echo.nextText(), 'to all others')
  t.same(chat.unread(), [])
})
