/** The command of the package, as npm installs it. */
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { installPackage } from '../fixtures/installed-package.ts'
import { MessageClient } from '../fixtures/message-client.ts'
import { NodeProcess } from '../fixtures/node-process.ts'

const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'shardws-command-'))
t.teardown(() => rmSync(folder, { recursive: true }))
const { project } = installPackage(folder, [])
const installed = join(project, 'node_modules', 'shardws')
const { bin, version } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
const entry = join(installed, bin.shardws)

t.test('npx shardws --version', { skip: process.platform === 'win32' && 'npm makes other links there' }, async (t) => {
  const links = join(project, 'node_modules', '.bin')
  mkdirSync(links)
  symlinkSync(entry, join(links, 'shardws'))
  // As npm does for every file that `bin` names.
  chmodSync(entry, 0o755)
  const { stdout } = await run('npx', ['--no-install', 'shardws', '--version'], { cwd: project, timeout: 20_000 })
  t.equal(stdout, `${version}\n`)
})

t.test('it serves with the handlers of the package', async (t) => {
  const serve = new NodeProcess([entry, 'serve', '--port', '0', '--shards', '1'], { cwd: project })
  t.teardown(() => serve.signal('SIGKILL'))
  const [url] = await serve.printed(/ws:\/\/\S+/)
  const client = await MessageClient.connect(url)
  client.socket.send('hello')
  t.equal(await client.nextText(), 'hello')
  client.socket.close()
  serve.signal('SIGTERM')
  t.equal(await serve.ended, 0)
})

t.test('--metrics without prom-client says what is missing and what for', async (t) => {
  const serve = new NodeProcess([entry, 'serve', '--port', '0', '--shards', '1', '--metrics'], { cwd: project })
  t.teardown(() => serve.signal('SIGKILL'))
  t.equal(await serve.ended, 1)
  t.equal(serve.stdout, '')
  t.equal(
    serve.stderr,
    'shardws: --metrics formats its figures with prom-client, which does not come with shardws. prom-client is not installed: npm install prom-client\n',
  )
})
