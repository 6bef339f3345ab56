/** docs/guides/migration.md: before and after behave the same, and the other servers do what their tables say. */
import t from 'tap'
import { Guide } from '../fixtures/guide.ts'

const guide = new Guide('migration')

t.test('every block is run here', async (t) => {
  t.same(Object.keys(guide.files), ['before.js', 'after.js', 'rooms.js', 'topics.js'])
})

for (const file of ['before.js', 'after.js']) {
  t.test(`${file}: a greeting, and everybody hears everything`, async (t) => {
    const connect = await guide.serve(t, file)
    const [ann, bob] = [await connect('/ann'), await connect('/bob')]
    t.same([await ann.nextText(), await bob.nextText()], ['hello from /ann', 'hello from /bob'])
    ann.socket.send('text')
    for (const each of [ann, bob]) t.match(await each.next(), { data: Buffer.from('text'), isBinary: false })
    bob.socket.send(Buffer.from([1, 2]))
    for (const each of [ann, bob]) t.match(await each.next(), { data: Buffer.from([1, 2]), isBinary: true })
  })
}

t.test('rooms.js: the others hear who comes, everybody what is said', async (t) => {
  const connect = await guide.serve(t, 'rooms.js')
  const [ann, bob] = [await connect('/chat'), await connect('/chat')]
  const join = JSON.stringify({ type: 'join', room: 'red' })
  const echoed = JSON.stringify({ type: 'chat', room: 'red', text: 'hi' })
  ann.socket.send(join)
  ann.socket.send(echoed)
  t.equal(await ann.nextText(), echoed, 'not its own coming')
  bob.socket.send(join)
  t.same(await ann.nextJson(), { type: 'joined', room: 'red' })
  bob.socket.send(echoed)
  for (const each of [ann, bob]) t.equal(await each.nextText(), echoed)
})

t.test('topics.js: a user of the query, and publishing without the sender', async (t) => {
  const connect = await guide.serve(t, 'topics.js')
  await t.rejects(connect('/'), { message: /401/ })
  const [ann, bob] = [await connect('/?name=ann'), await connect('/any/path?name=bob')]
  ann.socket.send('one')
  t.equal(await bob.nextText(), 'one')
  bob.socket.send('two')
  t.equal(await ann.nextText(), 'two', 'and not its own')
  ann.socket.send('x'.repeat(16 * 1024 + 1))
  t.match(await ann.closed, { code: 1009 })
})
