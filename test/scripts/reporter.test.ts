import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { REPOSITORY } from '../fixtures/repository.ts'

const FILES = {
  'good.test.js': `t.pass('one')
    t.test('inner', async (t) => { t.pass('two'); t.pass('three') })
    t.test('asserts nothing', async () => {})`,
  'wrong.test.js': `t.test('group', async (t) => { t.pass('one'); t.equal(1, 2, 'one is two') })
    t.test('throws', async () => { throw new Error('out of luck') })`,
  'skipping.test.js': `t.test('needs a browser', { skip: 'no browser here' }, async () => {})
    t.test('later', { todo: true }, async () => {})`,
  'crash.test.js': `await import('./missing.js')`,
  'exits.test.js': `t.pass('one'); process.exit(3)`,
  'killed.test.js': `t.test('outer', (t) => { t.pass('one'); t.fail('two'); process.kill(process.pid, 'SIGKILL') })`,
  'empty.test.js': '',
  'slow.test.js': `t.pass('one'); t.test('hangs', () => { setInterval(() => {}, 1000) })`,
  'bail.test.js': `t.pass('one'); t.bailout('no database')`,
}

const { tap: config } = JSON.parse(readFileSync(new URL('package.json', REPOSITORY), 'utf8'))
const reporter = fileURLToPath(new URL('../../scripts/reporter.js', import.meta.url))
const tap = fileURLToPath(new URL('node_modules/tap/dist/esm/run.mjs', REPOSITORY))

interface Outcome {
  readonly status: number
  readonly output: string
  readonly lastLine: string | undefined
}

// Inside the repository, so that the files find tap; with its plugins, or tap would build itself anew.
const project = t.testdir()
mkdirSync(join(project, 'test'))
writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module', tap: { ...config, reporter } }))
for (const [name, body] of Object.entries(FILES)) {
  writeFileSync(join(project, 'test', name), `import t from 'tap'\n${body}\n`)
}

function runTap(names: readonly (keyof typeof FILES)[], options: readonly string[] = []): Promise<Outcome> {
  const outer = /^(_?TAP|NODE_OPTIONS$|NODE_V8_COVERAGE$)/
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !outer.test(key)))
  const args = [tap, ...options, ...names.map((name) => join('test', name))]
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: project, env }, (error, output) => {
      const status = error ? Number(error.code) : 0
      resolve({ status, output, lastLine: output.split('\n').at(-2) })
    })
  })
}

t.test('F210: all is well, and the counts are those of the run', async (t) => {
  const { status, output, lastLine } = await runTap(['good.test.js'])
  t.equal(status, 0)
  t.equal(lastLine, '4 passed, 0 failed')
  t.match(output, /^ok +\d+\.\d s {2}test\/good\.test\.js$/m)
})

t.test('a skip is named with its reason and fails nothing', async (t) => {
  const { status, output, lastLine } = await runTap(['skipping.test.js'])
  t.equal(status, 0)
  t.equal(lastLine, '0 passed, 0 failed, 2 skipped')
  t.match(output, 'needs a browser: no browser here')
})

t.test('failed assertions are counted once and shown', async (t) => {
  const { status, output, lastLine } = await runTap(['good.test.js', 'wrong.test.js'])
  t.not(status, 0)
  t.equal(lastLine, '5 passed, 2 failed')
  t.match(output, /not ok: test\/wrong\.test\.js > group > one is two\n[\s\S]*\n {6}-2\n {6}\+1\n/)
  t.match(output, /not ok: test\/wrong\.test\.js > throws > out of luck/)
  t.match(output, /^FAIL .*wrong\.test\.js$/m)
})

for (const [name, lastLine] of [
  ['crash.test.js', '0 passed, 1 failed'],
  ['exits.test.js', '1 passed, 1 failed'],
  ['killed.test.js', '1 passed, 1 failed'],
  ['empty.test.js', '0 passed, 1 failed'],
  ['bail.test.js', '1 passed, 1 failed'],
] as const) {
  t.test(`${name} is a failure`, async (t) => {
    t.match(await runTap([name]), { lastLine, status: /^[1-9]/ })
  })
}

t.test('a file that runs out of time is a failure and is named', async (t) => {
  const { status, output, lastLine } = await runTap(['slow.test.js'], ['--timeout=2'])
  t.not(status, 0)
  // Whether the file could still say what hung depends on who is faster.
  t.match(lastLine, /^[01] passed, [12] failed$/)
  t.match(output, /failed: test\/slow\.test\.js/)
})
