import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import t from 'tap'
import ts from 'typescript'
import { WebSocket } from 'ws'
import { ERRORS } from '../src/shared/errors.ts'
import { codeBlocks } from './fixtures/code-blocks.ts'
import { startDocumentedExample } from './fixtures/documented-example.ts'
import { MessageClient } from './fixtures/message-client.ts'
import { REPOSITORY } from './fixtures/repository.ts'

const readme = readFileSync(new URL('README.md', REPOSITORY), 'utf8')

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

t.test('the table of errors lists exactly the codes there are', async (t) => {
  const listed = [...section('Errors').matchAll(/^\| `([A-Z0-9_]+)`/gm)].map(([, code]) => code)
  t.same(listed.sort(), Object.keys(ERRORS).sort())
})
