import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CERTIFICATE } from '../fixtures/certificate.ts'
import { runCommand, startServe } from '../fixtures/command-process.ts'
import { MessageClient } from '../fixtures/message-client.ts'

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
  await serve.printed(/reloaded: 1 connections moved, 0 stayed, 0 closed/)
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

t.test('one line and 1 for what cannot be served', async (t) => {
  const folder = t.testdir({ 'broken.mjs': 'throw new Error("no\\nway")', 'empty.mjs': '', file: '', 'bad.pem': 'x' })
  const { url } = await startServe(t)
  const cases: readonly (readonly [string[], RegExp])[] = [
    [['missing.js'], /handler missing\.js: no such file .*; the built-in ones are echo and chat/],
    [['.'], /handler \.: is no file/],
    [['broken.mjs'], /broken\.mjs could not be loaded: Error: no\\u\{a\}way/],
    [['empty.mjs'], /empty\.mjs could not be loaded: .*default export is no handler/],
    [['--static', 'file'], /--static file: is no directory/],
    [['--static', 'nowhere'], /--static nowhere: no such file or directory/],
    [['--cert', 'bad.pem', '--key', 'bad.pem'], /no pair of a certificate and its key in PEM/],
    [['--cert', 'none.pem', '--key', 'bad.pem'], /--cert none\.pem: no such file/],
    [['--port', new URL(url).port], /the port is taken; choose another one with --port/],
    [['--host', '192.0.2.1'], /this machine has no such address; see --host/],
  ]
  for (const [args, message] of cases) {
    const { exit, stdout, stderr } = await runCommand(t, ['serve', '--port', '0', '--shards', '1', ...args], {
      cwd: folder,
    })
    t.same([exit, stdout], [1, ''], args.join(' '))
    t.match(
      stderr.split('\n').filter((line) => line.startsWith('shardws: ')),
      [message],
    )
    t.notMatch(stderr, /\n\s+at /, 'no stack')
  }
})

t.test('TLS: connect trusts a self-signed certificate only if told to', async (t) => {
  const folder = t.testdir({ 'cert.pem': CERTIFICATE.cert, 'key.pem': CERTIFICATE.key })
  const { url } = await startServe(t, ['--cert', 'cert.pem', '--key', 'key.pem'], { cwd: folder })
  t.match(url, /^wss:/)
  t.match(await runCommand(t, ['connect', url]), {
    exit: 1,
    stderr: /certificate is self-signed; --insecure accepts it/,
  })
  const trusting = await runCommand(t, ['connect', url, '--insecure', '--wait', '0'], { input: 'secret\n' })
  t.match(trusting, { exit: 0, stdout: 'secret\n' })
  t.match(await runCommand(t, ['connect', url.replace('wss', 'ws')]), { exit: 1, stderr: /^shardws: [^\n]+\n$/ })
})

t.test('--accept raw: the shards speak TLS, and SIGHUP reads the certificates anew', async (t) => {
  const folder = t.testdir({ 'cert.pem': CERTIFICATE.cert, 'key.pem': CERTIFICATE.key })
  const args = ['--accept', 'raw', '--cert', 'cert.pem', '--key', 'key.pem']
  const { serve, url } = await startServe(t, args, { cwd: folder })
  const said = await runCommand(t, ['connect', url, '--insecure', '--wait', '0'], { input: 'secret\n' })
  t.match(said, { exit: 0, stdout: 'secret\n' })
  writeFileSync(join(folder, 'cert.pem'), 'none')
  serve.signal('SIGHUP')
  await serve.printed(/not reloaded, what was there goes on: --cert cert\.pem --key key\.pem: no pair/)
  writeFileSync(join(folder, 'cert.pem'), CERTIFICATE.cert)
  serve.signal('SIGHUP')
  await serve.printed(/reloaded: 0 connections moved/)
  t.match(await runCommand(t, ['connect', url, '--insecure', '--wait', '0'], { input: 'again\n' }), {
    stdout: 'again\n',
  })
  serve.signal('SIGTERM')
  t.equal(await serve.ended, 0)
})

t.test('--dashboard shows the server at work', async (t) => {
  const { serve } = await startServe(t, ['--dashboard', '--metrics'])
  const [page] = await serve.printed(/http:\S+\/dashboard/)
  const response = await fetch(page)
  t.same([response.status, response.headers.get('content-type')], [200, 'text/html; charset=utf-8'])
  t.match(await response.text(), /<html/)
})

t.test('--metrics beside --compression, and a second Ctrl-C', async (t) => {
  const { serve, url } = await startServe(t, ['--metrics', '--compression', '--log-level', 'info'])
  const client = await MessageClient.connect(url)
  t.match(client.socket.extensions, 'permessage-deflate')
  const [metrics] = await serve.printed(/http:\S+\/metrics/)
  t.match(await (await fetch(metrics)).text(), /^websocket_connections_active 1$/m)
  // A peer that does not answer: only the second signal ends it at once.
  client.socket.pause()
  serve.signal('SIGINT')
  await serve.printed(/shutting down/)
  serve.signal('SIGINT')
  t.equal(await serve.ended, 0)
})
