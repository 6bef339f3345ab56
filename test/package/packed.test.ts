import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import t from 'tap'
import { installPackage, runInstalled } from '../fixtures/installed-package.ts'
import { typeCheck } from '../fixtures/type-check.ts'

// Outside the repository: nothing that the package forgot to declare may be found by walking up.
const folder = mkdtempSync(join(tmpdir(), 'shardws-consumer-'))
t.teardown(() => rmSync(folder, { recursive: true }))
const { project, files, packedBytes, unpackedBytes } = installPackage(folder, ['ws', '@types/node'])

/** Of the sources, their types, the README and the rest: past them somebody has packed what does not belong there. */
const MAX_PACKED_BYTES = 600_000
const MAX_UNPACKED_BYTES = 1_800_000

const FOLDERS = [
  '.',
  'dist/src',
  'dist/src/cli',
  'dist/src/cli/bench',
  'dist/src/cli/connect',
  'dist/src/cli/serve',
  'dist/src/cli/top',
  'dist/src/client',
  'dist/src/dashboard',
  'dist/src/dashboard/script',
  'dist/src/facades',
  'dist/src/facades/nextrush',
  'dist/src/facades/verb',
  'dist/src/main',
  'dist/src/metrics',
  'dist/src/opentelemetry',
  'dist/src/shared',
  'dist/src/shared/handoff',
  'dist/src/shared/protocol',
  'dist/workers',
]

t.test('what is packed is what users need', async (t) => {
  const wanted = /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|dist\/(src|workers)\/.*\.(js|d\.ts))$/
  // No source maps: without the sources they lead nowhere, and tsc's output is close to what was written.
  t.same(
    files.filter((path) => !wanted.test(path)),
    [],
  )
  t.same([...new Set(files.map((path) => posix.dirname(path)))].sort(), FOLDERS)
  t.ok(packedBytes < MAX_PACKED_BYTES, `${packedBytes} bytes packed`)
  t.ok(unpackedBytes < MAX_UNPACKED_BYTES, `${unpackedBytes} bytes unpacked`)
  const entries = ['dist/src/index.d.ts', 'dist/workers/shard.js', 'dist/workers/acceptor.js']
  for (const path of ['README.md', 'LICENSE', 'CHANGELOG.md', ...entries]) {
    t.ok(files.includes(path), path)
  }
})

t.test('an installed package finds its shard and echoes', async (t) => {
  const output = await runInstalled(
    project,
    'echo.js',
    `import { once } from 'node:events'
     import { WebSocketServer } from 'shardws'
     import { WebSocket } from 'ws'
     const server = new WebSocketServer({ shards: 1 })
     server.on('message', (id, data, isBinary) => server.send(id, data, isBinary))
     const { port } = await server.listen(0, '127.0.0.1')
     const client = new WebSocket('ws://127.0.0.1:' + port)
     await once(client, 'open')
     client.send('hello')
     const [data] = await once(client, 'message')
     console.log(String(data))
     await server.shutdown()`,
  )
  t.equal(output, 'hello\n')
})

t.test('the declared types resolve and mean what the README shows', async (t) => {
  const use = `import { WebSocketServer } from 'shardws'
    const server = new WebSocketServer({ shards: 1 })
    server.on('message', (id: string, data: Buffer, isBinary: boolean) => { server.send(id, data, isBinary) })
    const { port } = await server.listen(0)
    export const isOpen: boolean = port > 0 && server.send('id', 'text')\n`
  // One run of the compiler for both: it takes seconds.
  const found = await typeCheck(project, { 'right.ts': use, 'wrong.ts': use.replace('shards: 1', 'shard: 1') })
  t.match(found, /^wrong\.ts\(2,.*'shard'/)
  t.notMatch(found, 'right.ts')
})

t.test('the types of the client need those of browsers only', async (t) => {
  const use = `import { WebSocketClient } from 'shardws/client'
    const client = new WebSocketClient<{ type: 'chat'; text: string }>('/chat', { json: true, WebSocket })
    client.onType('chat', ({ text }) => { document.title = text })
    // @ts-expect-error there is no such type
    client.onType('chart', () => {})\n`
  t.equal(await typeCheck(project, { 'page.ts': use }, ['--lib', 'es2022,dom']), '')
})
