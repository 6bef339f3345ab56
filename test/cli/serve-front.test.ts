import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CERTIFICATE } from '../fixtures/certificate.ts'
import { runCommand, startServe } from '../fixtures/command-process.ts'
import { MessageClient } from '../fixtures/message-client.ts'

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
  client.socket.send('counted')
  t.equal(await client.nextText(), 'counted')
  const [metrics] = await serve.printed(/http:\S+\/metrics/)
  t.match(await (await fetch(metrics)).text(), /^websocket_connections_active 1$/m)
  // A peer that does not answer: only the second signal ends it at once.
  client.socket.pause()
  serve.signal('SIGINT')
  await serve.printed(/shutting down/)
  serve.signal('SIGINT')
  t.equal(await serve.ended, 0)
})
