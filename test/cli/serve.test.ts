import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runCommandLine } from '../../src/cli/commands.ts'
import { Output } from '../../src/cli/terminal.ts'
import { runCommand, startServe } from '../fixtures/command-process.ts'
import { MessageClient } from '../fixtures/message-client.ts'
import { RawClient } from '../fixtures/raw-client.ts'

const HANDLER = `export default { message: (socket, message) => socket.send('first ' + message) }\n`

t.test('without an argument it echoes, says where, and ends with 0 on a signal', async (t) => {
  const { serve, url } = await startServe(t)
  t.match(serve.stdout, /^shardws serves echo on 1 shard \(\w+\)\n {2}WebSocket {2}ws:\/\/127\.0\.0\.1:\d+\/\n/)
  const client = await MessageClient.connect(url)
  client.socket.send('hello')
  t.equal(await client.nextText(), 'hello')
  const page = await fetch(url.replace('ws', 'http'))
  t.same([page.status, await page.text()], [426, 'This is a WebSocket server.\n'])
  serve.signal('SIGTERM')
  t.equal(await serve.ended, 0)
  t.equal(serve.stderr, '')
})

t.test('chat: the others on the same path', async (t) => {
  const { url } = await startServe(t, ['chat'])
  const [ann, bob, eve] = await Promise.all(['red', 'red', 'blue'].map((room) => MessageClient.connect(url + room)))
  for (const each of [ann, bob, eve]) t.teardown(() => each?.socket.terminate())
  bob?.socket.send('to red')
  t.equal(await ann?.nextText(), 'to red')
  ann?.socket.send('back')
  t.equal(await bob?.nextText(), 'back', 'not what bob has said')
  t.same(eve?.unread(), [])
})

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

t.test('files that cannot be used, said before anything starts', async (t) => {
  const folder = t.testdir({ file: '', 'bad.pem': 'x' })
  const silent = new Output({ write: () => {} }, {})
  const at = (name: string): string => join(folder, name)
  for (const [args, message] of [
    [[at('missing.js')], /handler .*missing\.js: no such file .*; the built-in ones are echo and chat/],
    [[folder], /handler .*: is no file/],
    [['--static', at('file')], /--static .*file: is no directory/],
    [['--static', at('nowhere')], /--static .*nowhere: no such file or directory/],
    [['--cert', at('bad.pem'), '--key', at('bad.pem')], /no pair of a certificate and its key in PEM/],
    [['--cert', at('none.pem'), '--key', at('bad.pem')], /--cert .*none\.pem: no such file/],
  ] as const) {
    const run = runCommandLine(['serve', ...args], { out: silent, err: silent, input: process.stdin })
    await t.rejects(run, { exitCode: 1, message })
  }
})

t.test('one line and 1 for what cannot be served', async (t) => {
  const folder = t.testdir({ 'broken.mjs': 'throw new Error("no\\nway")', 'empty.mjs': '', 'a.ts': '' })
  const { url } = await startServe(t)
  const cases: (readonly [string[], RegExp])[] = [
    [['broken.mjs'], /broken\.mjs could not be loaded: Error: no\\u\{a\}way/],
    [['empty.mjs'], /empty\.mjs could not be loaded: .*default export is no handler/],
    [['--port', new URL(url).port], /the port is taken; choose another one with --port/],
    [['--host', '192.0.2.1'], /this machine has no such address; see --host/],
  ]
  const canRunTypeScript = 'typescript' in process.features && process.features.typescript
  if (!canRunTypeScript) cases.push([['a.ts'], /handler a\.ts: this Node runs no TypeScript; compile it/])
  for (const [args, message] of cases) {
    const given = ['serve', '--port', '0', '--shards', '1', ...args]
    const { exit, stdout, stderr } = await runCommand(t, given, { cwd: folder })
    t.same([exit, stdout], [1, ''], args.join(' '))
    t.match(
      stderr.split('\n').filter((line) => line.startsWith('shardws: ')),
      [message],
    )
    t.notMatch(stderr, /\n\s+at /, 'no stack')
  }
})
