import { join } from 'node:path'
import t from 'tap'
import { runCommandLine } from '../../src/cli/commands.ts'
import { Output } from '../../src/cli/terminal.ts'
import { startServe } from '../fixtures/command-process.ts'
import { MessageClient } from '../fixtures/message-client.ts'

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
