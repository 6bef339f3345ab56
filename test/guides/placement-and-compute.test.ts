import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { codeBlocks } from '../fixtures/code-blocks.ts'
import { startDocumentedExample } from '../fixtures/documented-example.ts'
import { MessageClient } from '../fixtures/message-client.ts'
import { REPOSITORY } from '../fixtures/repository.ts'

const guide = readFileSync(new URL('docs/guides/placement-and-compute.md', REPOSITORY), 'utf8')

/** The blocks of the guide by the file name in their first line. */
const FILES = Object.fromEntries(
  codeBlocks(guide, 'js').map((code) => [/^\/\/ (\S+\.js)\n/.exec(code)?.[1] ?? 'unnamed', code]),
)

async function join(t: Test, port: number, path: string): Promise<MessageClient> {
  const client = await MessageClient.connect(`ws://127.0.0.1:${port}${path}`)
  t.teardown(() => client.socket.terminate())
  return client
}

async function greeting(t: Test, port: number, path: string): Promise<string> {
  return (await (await join(t, port, path)).next()).data.toString()
}

t.test('every block has a name and is run here', async (t) => {
  t.same(Object.keys(FILES), ['documents.js', 'tenants.js', 'score.js', 'compute.js'])
})

t.test('documents.js: the same document, the same shard', async (t) => {
  const port = await startDocumentedExample(t, 'documents.js', FILES)
  const shards = new Set<string>()
  for (let document = 0; document < 20; document++) {
    const shard = await greeting(t, port, `/documents/${document}`)
    t.match(shard, /^shard [0-3]$/)
    t.equal(await greeting(t, port, `/documents/${document}`), shard)
    shards.add(shard)
  }
  t.equal(shards.size, 4)
})

t.test('tenants.js: a shard for those who pay', async (t) => {
  const port = await startDocumentedExample(t, 'tenants.js', FILES)
  t.equal(await greeting(t, port, '/?key=gold'), 'shard 0')
  const others = [await greeting(t, port, '/'), await greeting(t, port, '/'), await greeting(t, port, '/')]
  t.same(others.sort(), ['shard 1', 'shard 2', 'shard 3'])
  t.equal(await greeting(t, port, '/?key=gold'), 'shard 0')
})

t.test('compute.js: answers from the module', async (t) => {
  const port = await startDocumentedExample(t, 'compute.js', FILES)
  const client = await join(t, port, '/')
  client.socket.send('hello')
  const score = (await client.next()).data.toString()
  t.match(score, /^\d+$/)
  for (let i = 0; i < 20; i++) client.socket.send('hello')
  for (let i = 0; i < 20; i++) t.equal((await client.next()).data.toString(), score)
})
