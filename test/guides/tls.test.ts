import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:tls'
import t from 'tap'
import { CERTIFICATE, EXAMPLE_CERTIFICATE } from '../fixtures/certificate.ts'
import { codeBlocks } from '../fixtures/code-blocks.ts'
import { startDocumentedExample } from '../fixtures/documented-example.ts'
import { nameShown } from '../fixtures/entrances-under-test.ts'
import { MessageClient } from '../fixtures/message-client.ts'
import { REPOSITORY } from '../fixtures/repository.ts'

const guide = readFileSync(new URL('docs/guides/tls.md', REPOSITORY), 'utf8')

t.test('AU10 secure.js: echo over TLS in the shards, a certificate for each name', async (t) => {
  const [code = '', ...others] = codeBlocks(guide, 'js')
  t.same(others, [])
  const port = await startDocumentedExample(t, 'secure.js', {
    'secure.js': code,
    'localhost.crt': CERTIFICATE.cert,
    'localhost.key': CERTIFICATE.key,
    'example.org.crt': EXAMPLE_CERTIFICATE.cert,
    'example.org.key': EXAMPLE_CERTIFICATE.key,
  })
  const client = await MessageClient.connect(`wss://localhost:${port}/`, [], {
    ca: CERTIFICATE.cert,
    host: '127.0.0.1',
  })
  client.socket.send('hello')
  t.equal(await client.nextText(), 'hello')
  await client.close()
  const named = connect({ port, host: '127.0.0.1', servername: 'example.org', ca: EXAMPLE_CERTIFICATE.cert })
  await once(named, 'secureConnect')
  t.equal(nameShown(named), 'example.org')
  named.destroy()
})
