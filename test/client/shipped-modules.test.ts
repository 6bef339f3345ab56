/** The client as it is shipped: what a page or a bundler has to load for it. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { isBuiltin } from 'node:module'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import t, { type Test } from 'tap'
import ts from 'typescript'
import { WebSocketServer } from '../../src/index.ts'
import { findChromium, launchChromium } from '../fixtures/browser.ts'
import { DIST, REPOSITORY } from '../fixtures/repository.ts'

const { exports, dependencies, peerDependencies } = JSON.parse(
  readFileSync(new URL('package.json', REPOSITORY), 'utf8'),
)
const ENTRY: string = exports['./client'].default.replace('./dist/', '')
/** Of the client, or of what runs on either side. */
const MODULE = /^src\/(client|shared|shared\/protocol)\/[\w-]+\.js$/

/** What a page pays for it; the clients' guide says so. */
const MAX_COMPRESSED_BYTES = 6 * 1024

/** What each module imports, `import()` included, by its path below dist. */
function modulesOf(entry: string): Map<string, readonly string[]> {
  const modules = new Map<string, readonly string[]>()
  const visit = (path: string): void => {
    if (modules.has(path)) return
    const { importedFiles } = ts.preProcessFile(readFileSync(new URL(path, DIST), 'utf8'), true, true)
    const specifiers = importedFiles.map(({ fileName }) => fileName)
    modules.set(path, specifiers)
    for (const specifier of specifiers.filter(isRelative)) {
      visit(new URL(specifier, new URL(path, DIST)).href.slice(DIST.href.length))
    }
  }
  visit(entry)
  return modules
}

const isRelative = (specifier: string): boolean => /^\.{1,2}\//.test(specifier)

/** What the compiler says about a source and what it imports where there is nothing of Node. */
function complaintsWithoutNode(path: string): string[] {
  const program = ts.createProgram([fileURLToPath(new URL(path, REPOSITORY))], {
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'],
    types: [],
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    strict: true,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    noEmit: true,
  })
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))
}

t.test('it imports files of its own by relative paths, and packages only that the package declares', async (t) => {
  const modules = modulesOf(ENTRY)
  t.ok(modules.size >= 8, [...modules.keys()].join(' '))
  for (const [path, specifiers] of modules) {
    t.match(path, MODULE)
    for (const specifier of specifiers.filter((each) => !isRelative(each))) {
      t.notOk(isBuiltin(specifier), `${path} imports ${specifier}`)
      t.ok(specifier in { ...dependencies, ...peerDependencies }, `${path} imports ${specifier}`)
    }
  }
  const builtins = [...modulesOf('src/index.js').values()].flat().filter(isBuiltin)
  t.ok(builtins.includes('node:worker_threads'), 'as it is told of the server')
})

t.test('its sources compile without the types of Node: no Buffer, no process', async (t) => {
  t.same(complaintsWithoutNode('src/client/websocket-client.ts'), [])
  t.match(complaintsWithoutNode('src/shared/values.ts').join('\n'), /node:|Buffer/)
})

const chromium = findChromium()
const skip = chromium === undefined && 'NO BROWSER: install Chromium or set CHROMIUM_PATH to load the client in one'

/** A page at '/', and beside it a server that echoes at '/ws'. Returns the page's answer of a client from `entry`, and which files it has loaded. */
async function converseFromPage(t: Test, entry: string, fileAt: (path: string) => Uint8Array | null) {
  const asked: string[] = []
  const http = createServer(({ url = '' }, response) => {
    if (url === '/') return response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>page</title>')
    asked.push(url.slice(1))
    const file = fileAt(url.slice(1))
    if (file === null) return response.writeHead(404).end()
    response.setHeader('Content-Type', 'text/javascript').end(file)
  })
  const server = new WebSocketServer({
    shards: 0,
    handler: (socket) => void socket.onMessage((text) => socket.send(text)),
  })
  t.teardown(() => server.shutdown({ deadlineMs: 100 }))
  server.attach(http, { path: '/ws' })
  await once(http.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => http.close())
  const browser = await launchChromium(chromium ?? '')
  t.teardown(() => browser.close())
  const page = await browser.newPage()
  await page.goto(`http://127.0.0.1:${(http.address() as AddressInfo).port}/`)
  const heard = await page.evaluate(`(async () => {
    const { WebSocketClient } = await import('/${entry}')
    const client = new WebSocketClient('/ws', { json: true })
    client.send({ type: 'echo', text: 'héllo' })
    const message = await new Promise((resolve) => client.onType('echo', resolve))
    client.close()
    const close = await new Promise((resolve) => client.on('close', resolve))
    return [message, close.code, client.state]
  })()`)
  return { heard, loaded: asked.filter((path) => path !== 'favicon.ico').sort() }
}

const CONVERSATION = [{ type: 'echo', text: 'héllo' }, 1000, 'closed']

t.test('CL01 a browser runs these files as they are, without a bundler', { skip }, async (t) => {
  const fileAt = (path: string): Uint8Array | null => (MODULE.test(path) ? readFileSync(new URL(path, DIST)) : null)
  const { heard, loaded } = await converseFromPage(t, ENTRY, fileAt)
  t.same(heard, CONVERSATION)
  t.same(loaded, [...modulesOf(ENTRY).keys()].sort())
})

t.test('CL01 a bundler makes one file of it, with nothing of Node and of the server in it', async (t) => {
  const { errors, warnings, metafile, outputFiles } = await build({
    stdin: { contents: `export { WebSocketClient } from 'shardws/client'`, resolveDir: fileURLToPath(REPOSITORY) },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    minify: true,
    metafile: true,
    write: false,
  })
  t.same([...errors, ...warnings], [])
  const modules = Object.keys(metafile.inputs).filter((path) => path !== '<stdin>')
  t.same(modules.map((path) => path.replace('dist/', '')).sort(), [...modulesOf(ENTRY).keys()].sort())
  const bundle = outputFiles[0]?.contents ?? new Uint8Array(0)
  const bytes = gzipSync(bundle).length
  t.comment(`${bundle.length} bytes, ${bytes} compressed`)
  t.ok(bytes < MAX_COMPRESSED_BYTES, `${bytes} bytes compressed`)
  await t.test('which a browser runs', { skip }, async (t) => {
    const { heard, loaded } = await converseFromPage(t, 'bundle.js', (path) => (path === 'bundle.js' ? bundle : null))
    t.same(heard, CONVERSATION)
    t.same(loaded, ['bundle.js'])
  })
})
