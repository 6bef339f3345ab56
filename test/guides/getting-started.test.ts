/** docs/guides/getting-started.md, word by word: in a clean folder outside the repository, with the packed package. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { codeBlocks, namedBlocks } from '../fixtures/code-blocks.ts'
import { startExampleIn } from '../fixtures/documented-example.ts'
import { installPackage } from '../fixtures/installed-package.ts'
import { eventually } from '../fixtures/journal.ts'
import { REPOSITORY } from '../fixtures/repository.ts'

const guide = readFileSync(new URL('docs/guides/getting-started.md', REPOSITORY), 'utf8')
const FILES = namedBlocks(guide, 'js')
const [setUp, startServer, sayHello, work] = codeBlocks(guide, 'sh') as [string, string, string, string]
const SEEN = codeBlocks(guide, 'text')

const folder = mkdtempSync(join(tmpdir(), 'shardws-start-'))
t.teardown(() => rmSync(folder, { recursive: true }))

/** What a client prints: all lines until it ends, or as many as are awaited, after which Ctrl+C ends it. */
async function linesOf(t: Test, project: string, command: string, count = Number.POSITIVE_INFINITY): Promise<string> {
  const [node, ...args] = command.trim().split(' ')
  t.equal(node, 'node')
  const { NODE_OPTIONS: _, ...env } = process.env
  const child = spawn(process.execPath, args, { cwd: project, env, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  let output = ''
  for await (const text of child.stdout) {
    output += text
    if (output.split('\n').length > count) break
  }
  child.kill('SIGINT')
  await ended
  return output
}

/** A shard's number is 0 or 1. */
const withoutNumbers = (text: string): string => text.replace(/on shard [01]$/m, 'on shard N')

t.test('the guide, from the first command to the last', async (t) => {
  t.same(Object.keys(FILES), ['chat.handler.js', 'server.js', 'client.js'])
  const commands = setUp.trim().split('\n')
  t.equal(commands.pop(), 'npm install shardws ws', 'which the packed archive stands in for')
  execFileSync('sh', ['-ec', commands.join('\n')], { cwd: folder })
  const project = join(folder, 'chat')
  t.match(JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')), { name: 'chat', type: 'module' })
  installPackage(project, ['ws'])
  for (const [name, code] of Object.entries(FILES)) writeFileSync(join(project, name), code)

  t.equal(startServer, 'node server.js\n')
  const server = await startExampleIn(t, project, 'server.js')
  writeFileSync(join(project, 'client.js'), FILES['client.js']!.replace('8080', String(server.port)))
  await eventually('it listens', () => server.output().includes('\n'))
  t.equal(server.output(), SEEN[0]!.replace('8080', String(server.port)))

  t.equal(withoutNumbers(await linesOf(t, project, sayHello)), withoutNumbers(SEEN[1]!))
  await eventually('the server tells of it', () => server.output().includes('closed'))
  t.equal(server.output().split('\n').slice(1).join('\n'), 'connected: /chat\nclosed: 1000\n')
  t.equal(withoutNumbers(await linesOf(t, project, work, 4)), withoutNumbers(SEEN[2]!))

  server.kill('SIGINT')
  t.equal(await server.ended, 0)
})
