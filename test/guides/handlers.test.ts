/** docs/guides/handlers.md: the same handler on both threads, and one message at a time. */
import t from 'tap'
import { HANDLER_METHODS } from '../../src/shared/as-handler.ts'
import { Guide } from '../fixtures/guide.ts'

const guide = new Guide('handlers')

t.test('every block is run here', async (t) => {
  t.same(Object.keys(guide.files), ['counter.handler.js', 'server.js', 'ordered.js'])
})

t.test('the table has every method of a handler', async (t) => {
  const section = guide.text.split('## What a handler may have')[1]!.split('\n## ')[0]!
  const named = [...section.matchAll(/^\| (`.+?) \|/gm)].flatMap(([, cell]) => cell!.match(/\b[a-zA-Z]+\b/g) ?? [])
  for (const name of [...HANDLER_METHODS, 'validate', 'onInvalid']) t.ok(named.includes(name), name)
})

for (const path of ['/main', '/shards']) {
  t.test(`${path}: counts, posts and tells who leaves`, async (t) => {
    const connect = await guide.serve(t, 'server.js')
    await t.rejects(connect(path), { message: /400/ })
    const [ann, bob] = [await connect(`${path}?name=ann`), await connect(`${path}?name=bob`)]
    for (const count of [1, 2, 3]) {
      ann.socket.send('x')
      t.equal(await ann.nextText(), `ann: ${count}`)
    }
    for (const each of [ann, bob]) t.equal(await each.nextText(), 'ann has sent three messages')
    ann.socket.send(Buffer.from([1]))
    t.same(await ann.closed, { code: 1003, reason: 'text only' })
    t.equal(await bob.nextText(), 'ann left with 1003')
  })
}

t.test('ordered.js: the slow one comes first', async (t) => {
  const client = await (await guide.serve(t, 'ordered.js'))('/')
  client.socket.send('slow')
  client.socket.send('fast')
  t.same([await client.nextText(), await client.nextText()], ['slow is done', 'fast is done'])
})
