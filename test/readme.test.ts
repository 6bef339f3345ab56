import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import ts from 'typescript'
import { WebSocket } from 'ws'
import { ERRORS } from '../src/shared/errors.ts'
import { DIST, REPOSITORY } from './fixtures/repository.ts'

const readme = readFileSync(new URL('README.md', REPOSITORY), 'utf8')

/** From the heading to the next one of its level. */
function section(title: string): string {
  const text = readme.split(/^## /m).find((part) => part.startsWith(`${title}\n`))
  if (text === undefined) throw new Error(`README.md has no section "## ${title}"`)
  return text
}

function codeBlocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`(?:${language})\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, code]) => code!)
}

/** Runs before the example: every server listens on a free port of the loopback and tells it to the parent. */
const PRELUDE = `
import net from 'node:net'
const { listen } = net.Server.prototype
net.Server.prototype.listen = function (port, ...rest) {
  if (typeof port !== 'number') return listen.call(this, port, ...rest)
  this.once('listening', () => process.send(this.address().port))
  return listen.call(this, 0, '127.0.0.1', ...rest.filter((one) => typeof one === 'function'))
}`

t.test('the example runs as it stands and echoes', async (t) => {
  const [example] = codeBlocks(section('Example'), 'ts|js')
  t.ok(example, 'a ts or js block under "## Example"')
  // Inside the repository, so that the package's own name resolves to it.
  const folder = mkdtempSync(fileURLToPath(new URL('example-', DIST)))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const { outputText } = ts.transpileModule(example!, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  })
  writeFileSync(join(folder, 'example.js'), outputText)
  const child = fork(join(folder, 'example.js'), {
    execArgv: ['--import', `data:text/javascript,${encodeURIComponent(PRELUDE)}`],
  })
  const ended = once(child, 'exit')
  t.teardown(async () => {
    child.kill()
    await ended
  })
  const [port] = await Promise.race([once(child, 'message'), ended.then(() => Promise.reject(new Error('it ended')))])
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
