import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import t from 'tap'
import ts from 'typescript'
import { WebSocket } from 'ws'
import { WebSocketServer } from '../src/index.ts'
import { ERRORS, type ErrorCode } from '../src/shared/errors.ts'
import { codeBlocks } from './fixtures/code-blocks.ts'
import { startDocumentedExample } from './fixtures/documented-example.ts'
import { MessageClient } from './fixtures/message-client.ts'
import { REPOSITORY } from './fixtures/repository.ts'
import { tableRows } from './fixtures/table-rows.ts'

const readme = readFileSync(new URL('README.md', REPOSITORY), 'utf8')
const reference = (name: string): string => readFileSync(new URL(`docs/reference/${name}`, REPOSITORY), 'utf8')

/** From the heading to the next one of its level. */
function section(title: string): string {
  const text = readme.split(/^## /m).find((part) => part.startsWith(`${title}\n`))
  if (text === undefined) throw new Error(`README.md has no section "## ${title}"`)
  return text
}

t.test('the example runs as it stands and echoes', async (t) => {
  const [example] = codeBlocks(section('Example'), 'ts|js')
  t.ok(example, 'a ts or js block under "## Example"')
  const { outputText } = ts.transpileModule(example!, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  })
  const port = await startDocumentedExample(t, 'example.js', { 'example.js': outputText })
  const client = new WebSocket(`ws://127.0.0.1:${port}/`)
  t.teardown(() => client.terminate())
  await once(client, 'open')
  client.send('hello')
  const [data] = await once(client, 'message')
  t.equal(String(data), 'hello')
})

t.test('the handler in the shards and its server run as they stand', async (t) => {
  const [handler, server] = codeBlocks(section('Handlers on either thread'), 'js')
  const port = await startDocumentedExample(t, 'server.js', { 'server.js': server!, 'chat.handler.js': handler! })
  const url = `ws://127.0.0.1:${port}/red`
  const [ann, bob] = [await MessageClient.connect(`${url}?name=ann`), await MessageClient.connect(`${url}?name=bob`)]
  for (const { socket } of [ann, bob]) t.teardown(() => socket.terminate())
  // Who has been welcomed is in the room.
  t.same([await ann.nextText(), await bob.nextText()], ['welcome, ann', 'welcome, bob'])
  ann.socket.send('hi')
  for (const each of [ann, bob]) t.equal(await each.nextText(), 'hello, ann says hi')
  bob.socket.send('a text of more than twenty')
  for (const each of [ann, bob]) {
    t.same([await each.nextText(), await each.nextText()].sort(), [
      'bob has much to say',
      'hello, bob says a text of more than twenty',
    ])
  }
  await t.rejects(MessageClient.connect(url), { message: /403/ })
})

t.test('the commands it names exist', async (t) => {
  const commands = codeBlocks(readme, 'sh|bash|shell').flatMap((block) => block.trim().split('\n'))
  const ci = readFileSync(new URL('.ci/run', REPOSITORY), 'utf8').trim().split('\n').at(-1)
  t.ok(commands.includes(ci!), `the test command is what .ci/run ends with: ${ci}`)
  t.ok(
    commands.some((line) => /\bnpm start\b/.test(line)),
    'the command that starts the demo',
  )
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', REPOSITORY), 'utf8'))
  for (const [, name] of readme.matchAll(/\bnpm (?:run )?(test(?::\w+)?|start|(?<=run )[\w:]+)/g)) {
    t.ok(scripts[name!], `npm run ${name}`)
  }
})

t.test('the errors that it names are there, with what the peer gets', async (t) => {
  const named = [...section('Errors').matchAll(/`([A-Z0-9_]+)`(?: \((\d+)\))?/g)]
  t.ok(named.length > 12)
  for (const [, code = '', number] of named) {
    t.ok(code in ERRORS, code)
    const { closeCode, status } = ERRORS[code as ErrorCode]
    t.equal(number, (closeCode ?? status)?.toString(), code)
  }
})

t.test('the options that it names have the defaults that the reference says', async (t) => {
  const all = new Map(tableRows(reference('options.md'), 3).map(([name, value]) => [name, value]))
  const rows = tableRows(section('API').split('### Methods')[0]!.split('### Options')[1]!, 3)
  t.ok(rows.length > 10)
  for (const [names = '', value] of rows) {
    const values = names
      .split(', ')
      .map((name) => all.get(name) ?? [...all].find(([each]) => each?.split(', ').includes(name))?.[1])
    t.equal(value, values.join(', '), names)
  }
})

t.test('the imports, methods and events that it names are all there are, or exist', async (t) => {
  const [imports = '', methods = ''] = section('API')
    .split(/^### .*\n/m)
    .filter((_, index) => index !== 1)
  const { exports } = JSON.parse(readFileSync(new URL('package.json', REPOSITORY), 'utf8'))
  t.same(
    [...imports.matchAll(/`(shardws(?:\/[\w-]+)?)`/g)].map(([, name = '']) => name.replace('shardws', '.')).sort(),
    Object.keys(exports)
      .filter((name) => name !== './package.json')
      .sort(),
  )
  const server = new WebSocketServer({ shards: 0 })
  t.teardown(() => server.shutdown())
  const named = [...methods.matchAll(/^\| [a-z][^|]* \| (.*) \|$/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`(\w+)[(`]/g)].map(([, name = '']) => name),
  )
  t.ok(named.length > 25)
  for (const name of named) t.ok(name in server, name)
  const [, events = ''] = /^Events of the server: `(.*)`\.$/m.exec(methods) ?? []
  const [table = ''] = reference('api.md').split('## Events')[1]!.split('`node:diagnostics_channel`')
  const told = [...table.matchAll(/^\| (`.+?) \|/gm)].flatMap(([, cell = '']) => cell.match(/[\w:]+/g) ?? [])
  t.same(events.split(' ').sort(), told.sort())
})
