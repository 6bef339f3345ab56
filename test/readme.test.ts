import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import t from 'tap'
import ts from 'typescript'
import { WebSocket } from 'ws'
import { ERRORS } from '../src/shared/errors.ts'
import { codeBlocks } from './fixtures/code-blocks.ts'
import { startDocumentedExample } from './fixtures/documented-example.ts'
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
