/** Every entry of the package, in a project that has nothing but it: by `import`, by `require`, in types, in a browser. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { installPackage, runInstalled } from '../fixtures/installed-package.ts'
import { REPOSITORY } from '../fixtures/repository.ts'
import { typeCheck } from '../fixtures/type-check.ts'

const folder = mkdtempSync(join(tmpdir(), 'shardws-entries-'))
t.teardown(() => rmSync(folder, { recursive: true }))
const { project } = installPackage(folder, ['@types/node', '@types/express', '@opentelemetry/api'])

const manifest = JSON.parse(readFileSync(new URL('package.json', REPOSITORY), 'utf8'))
const ENTRIES = Object.keys(manifest.exports)
  .filter((name) => name !== './package.json')
  .map((name) => name.replace('.', 'shardws'))
const LIST = JSON.stringify(ENTRIES)

t.test('the manifest is there, and nothing else can be reached', async (t) => {
  const printed = await runInstalled(
    project,
    'others.js',
    `import { createRequire } from 'node:module'
     const require = createRequire(import.meta.url)
     console.log(require('shardws/package.json').version)
     for (const name of ['shardws/dist/src/index.js', 'shardws/main', 'shardws/workers/shard.js'])
       await import(name).catch(({ code }) => console.log(code))`,
  )
  const refusal = 'ERR_PACKAGE_PATH_NOT_EXPORTED\n'
  t.equal(printed, `${manifest.version}\n${refusal.repeat(3)}`)
})

t.test('import and require() give the same names of every entry', async (t) => {
  const names = (how: string) =>
    `const names = {}
     for (const entry of ${LIST}) names[entry] = Object.keys(${how}(entry)).filter((name) => name !== '__esModule').sort()
     console.log(JSON.stringify(names))`
  const imported = JSON.parse(await runInstalled(project, 'import.js', names('await import')))
  const required = JSON.parse(await runInstalled(project, 'require.cjs', names('require')))
  t.same(Object.keys(imported), ENTRIES)
  t.same(required, imported)
  for (const name of ['ShardwsError', 'WebSocketServer']) t.ok(imported.shardws.includes(name), name)
  for (const entry of ENTRIES) t.ok(imported[entry].length > 0, entry)
})

t.test('a Node that cannot require() modules says so itself', async (t) => {
  const failure = runInstalled(project, 'old.cjs', `require('shardws')`, ['--no-experimental-require-module'])
  await t.rejects(failure, { message: /ERR_REQUIRE_ESM/ })
})

t.test('importing every entry opens nothing, starts no thread, and the process ends by itself', async (t) => {
  const output = await runInstalled(
    project,
    'inert.js',
    `import { subscribe } from 'node:diagnostics_channel'
     let threads = 0
     subscribe('worker_threads', () => threads++)
     // Requests (FSReqCallback, CloseReq) are the loader's own, under way and soon over.
     const resources = () => process.getActiveResourcesInfo().filter((name) => !name.includes('Req')).sort()
     const state = () => ({ resources: resources(), listeners: process.eventNames().map(String).sort(), threads })
     // Node opens these three when first asked, and loading node:http asks.
     process.stdin, process.stdout, process.stderr
     const before = state()
     for (const entry of ${LIST}) await import(entry)
     const after = state()
     // That threads would have been counted.
     const { Worker } = await import('node:worker_threads')
     new Worker('', { eval: true })
     console.log(JSON.stringify({ before, after, counted: threads }))`,
  )
  const { before, after, counted } = JSON.parse(output)
  t.same(after, before)
  t.equal(counted, 1)
})

t.test('every entry has types, for modules and for scripts', async (t) => {
  const imports = ENTRIES.map((entry, index) => `import * as entry${index} from '${entry}'`).join('\n')
  const uses = `export const entries: object[] = [${ENTRIES.map((_, index) => `entry${index}`).join(', ')}]\n`
  const platform = ['--types', 'node', '--lib', 'es2023,dom']
  const files = {
    'module.mts': `${imports}\n${uses}`,
    'script.cts': `${imports}\n${uses}import {} from 'shardws/nothing'\n`,
  }
  const said = await typeCheck(project, files, platform)
  t.match(said.trim().split('\n'), [/^script\.cts.*'shardws\/nothing'/], 'the one that is not there')
})

t.test('a page can load shardws/client: no node: module and no package is behind it', async (t) => {
  const realm = fileURLToPath(new URL('../fixtures/browser-realm.js', import.meta.url))
  const client = join(project, 'node_modules/shardws', manifest.exports['./client'].default)
  const args = ['--no-warnings', '--experimental-vm-modules', realm, pathToFileURL(client).href]
  const load = async (entry: string[], code: string) =>
    (await promisify(execFile)(process.execPath, [...entry, code])).stdout
  t.equal(await load(args, 'print(Object.keys(module).sort().join())'), 'WebSocketClient\n')
  const server = join(project, 'node_modules/shardws', manifest.exports['.'].default)
  await t.rejects(load([...args.slice(0, 3), pathToFileURL(server).href], ''), { message: /no page can import/ })
})
