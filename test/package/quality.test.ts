/** What tools for packages say about this one. They look at the files that would be published. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { installPackage } from '../fixtures/installed-package.ts'
import { REPOSITORY } from '../fixtures/repository.ts'

const folder = mkdtempSync(join(tmpdir(), 'shardws-quality-'))
t.teardown(() => rmSync(folder, { recursive: true }))
const { tarball } = installPackage(folder, [])

const root = fileURLToPath(REPOSITORY)

interface Finding {
  readonly status: number
  readonly said: string
}

/** Runs the command of a package of ours, and returns how it ended and what it said. */
async function check(command: string, ...args: readonly string[]): Promise<Finding> {
  const bin = join(root, 'node_modules/.bin', command)
  const options = { cwd: root, timeout: 60_000, env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1' } }
  const run = promisify(execFile)(process.execPath, [bin, ...args], options)
  return run.then(
    ({ stdout, stderr }) => ({ status: 0, said: stdout + stderr }),
    ({ code, stdout, stderr }) => ({ status: code, said: stdout + stderr }),
  )
}

t.test('publint: the manifest means what it says', async (t) => {
  const { status, said } = await check('publint', 'run', tarball, '--strict')
  t.equal(status, 0, said)
})

t.test('are the types wrong? Not for any entry, by import and by require', async (t) => {
  // The types are those of a module also for who requires it: so it is at run time, too.
  const { status, said } = await check('attw', tarball, '--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm')
  t.equal(status, 0, said)
  t.match(said, 'shardws/client')
})

t.test('knip: no file, export or dependency that nobody uses', async (t) => {
  const { status, said } = await check('knip', '--no-progress')
  t.equal(status, 0, said)
})
