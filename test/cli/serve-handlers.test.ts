import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startServe } from '../fixtures/command-process.ts'
import { MessageClient } from '../fixtures/message-client.ts'
import { RawClient } from '../fixtures/raw-client.ts'

const HANDLER = `export default { message: (socket, message) => socket.send('first ' + message) }\n`

t.test('a handler of the user, loaded anew by SIGHUP with the connection open', async (t) => {
  const folder = t.testdir({ 'mine.handler.mjs': HANDLER })
  const { serve, url } = await startServe(t, ['mine.handler.mjs', '--path', '/mine'], { cwd: folder })
  t.match(url, /\/mine$/)
  const client = await MessageClient.connect(url)
  t.teardown(() => client.socket.terminate())
  client.socket.send('a')
  t.equal(await client.nextText(), 'first a')
  await t.rejects(MessageClient.connect(url.replace('/mine', '/other')), { message: /404/ })
  writeFileSync(join(folder, 'mine.handler.mjs'), HANDLER.replace('first', 'second'))
  serve.signal('SIGHUP')
  await serve.printed(/reloaded: 1 connection moved, 0 stayed, 0 closed/)
  client.socket.send('b')
  t.equal(await client.nextText(), 'second b')
  writeFileSync(join(folder, 'mine.handler.mjs'), 'export default')
  serve.signal('SIGHUP')
  await serve.printed(/not reloaded, what was there goes on: [^\n]+\n/)
  client.socket.send('c')
  t.equal(await client.nextText(), 'second c')
  // A server goes on when nobody reads what it says.
  serve.closeOutput()
  for (const word of ['third', 'fourth']) {
    writeFileSync(join(folder, 'mine.handler.mjs'), HANDLER.replace('first', word))
    serve.signal('SIGHUP')
    do client.socket.send('d')
    while ((await client.nextText()) !== `${word} d`)
  }
  serve.signal('SIGTERM')
  t.equal(await serve.ended, 0)
})

t.test('what the handler throws is told in one line with its place, what peers do wrong is not', async (t) => {
  const folder = t.testdir({ 'thrower.mjs': 'export default { message() {\n  throw new Error("no\\nway")\n} }' })
  for (const shards of ['1', '0']) {
    const { serve, url } = await startServe(t, ['thrower.mjs', '--shards', shards], { cwd: folder })
    // Its frame is not masked.
    const bad = await RawClient.connect({ port: Number(new URL(url).port) })
    bad.sendRaw(Buffer.from([0x81, 0]))
    await bad.closeFrame()
    bad.destroy()
    const client = await MessageClient.connect(url)
    client.socket.send('x')
    await serve.printed(
      /^shardws error: the handler failed .*"error":"no\\nway","at":"file:\S+\/thrower\.mjs:2:9"/m,
      'stderr',
    )
    serve.signal('SIGTERM')
    t.equal(await serve.ended, 0)
    t.match(serve.stderr, /^[^\n]+\n$/, 'nothing else')
  }
})
