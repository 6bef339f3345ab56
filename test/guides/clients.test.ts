/** docs/guides/clients.md: every block is run, and the pages of all examples are looked at. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { resolveClientOptions } from '../../src/client/client-options.ts'
import { findChromium, launchChromium } from '../fixtures/browser.ts'
import { codeBlocks } from '../fixtures/code-blocks.ts'
import { startDocumentedExample } from '../fixtures/documented-example.ts'
import { MessageClient } from '../fixtures/message-client.ts'
import { RawClient } from '../fixtures/raw-client.ts'
import { DIST, REPOSITORY } from '../fixtures/repository.ts'

const run = promisify(execFile)
const guide = readFileSync(new URL('docs/guides/clients.md', REPOSITORY), 'utf8')
const FILES = Object.fromEntries([
  ...codeBlocks(guide, 'js').map((code) => [/^\/\/ (\S+\.js)\n/.exec(code)?.[1] ?? 'unnamed', code]),
  ...codeBlocks(guide, 'html').map((code) => [/^<!-- (\S+\.html) -->\n/.exec(code)?.[1] ?? 'unnamed', code]),
]) as Record<string, string>

const startServer = (t: Test): Promise<number> => startDocumentedExample(t, 'server.js', FILES)

/** The lines that a client of the guide prints until it ends by itself. */
async function linesOf(t: Test, name: string, port: number, flags: readonly string[] = []): Promise<string[]> {
  // Inside the repository, so that the package's own name resolves to it.
  const folder = mkdtempSync(fileURLToPath(new URL('example-', DIST)))
  t.teardown(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, name), FILES[name]!.replace('8080', String(port)))
  const { NODE_OPTIONS: _, ...env } = process.env
  const { stdout } = await run(process.execPath, [...flags, join(folder, name)], { env, timeout: 20_000 })
  return stdout.trimEnd().split('\n')
}

t.test('every block has a name and is run here', async (t) => {
  t.same(Object.keys(FILES), [
    'server.js',
    'node.js',
    'ws.js',
    'reconnecting.js',
    'resuming.js',
    'session.js',
    'page.html',
  ])
})

t.test(
  'CL07 the browser client: the page is served, and a plain handshake as a browser sends it gets the messages',
  async (t) => {
    const port = await startServer(t)
    t.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), FILES['page.html'])
    const client = await MessageClient.connect(`ws://127.0.0.1:${port}/ws`, [], { origin: `http://127.0.0.1:${port}` })
    t.teardown(() => client.socket.terminate())
    t.equal(await client.nextText(), 'welcome')
    client.socket.send('<img src=x onerror=alert(1)>')
    t.equal(
      await client.nextText(),
      '<img src=x onerror=alert(1)>',
      'as it was sent: it is the page that shows it as text',
    )
    t.match(await client.close(1000), { code: 1000 })
  },
)

const chromium = findChromium()
const noBrowser = chromium === undefined && 'NO BROWSER: install Chromium or set CHROMIUM_PATH to run the page'

t.test('the page in a browser shows markup as text', { skip: noBrowser }, async (t) => {
  const port = await startServer(t)
  const browser = await launchChromium(chromium ?? '')
  t.teardown(() => browser.close())
  const page = await browser.newPage()
  await page.goto(`http://127.0.0.1:${port}/`)
  await page.getByText('welcome').waitFor()
  await page.getByLabel('Message').fill('<b>bold</b>')
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByText('<b>bold</b>').waitFor()
})

t.test('CL10 no page of the guide or the examples makes markup of what it received', async (t) => {
  const examples = new URL('examples/', REPOSITORY)
  const paths = readdirSync(examples, { recursive: true, encoding: 'utf8' }).filter((path) => /\.(html|js)$/.test(path))
  const pages = new Map(paths.map((path) => [path, readFileSync(new URL(path, examples), 'utf8')]))
  pages.set('docs/guides/clients.md', FILES['page.html']!)
  const markup = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|setHTMLUnsafe|createContextualFragment/
  for (const [path, text] of pages) t.notMatch(text, markup, path)
  for (const path of [
    'docs/guides/clients.md',
    'nexure/index.html',
    'verb/page.html',
    'nextrush/page/chat-client.js',
  ]) {
    t.match(pages.get(path), '.textContent = ', path)
  }
})

// Node 20 has it behind a flag.
const withGlobal = 'WebSocket' in globalThis ? [] : ['--experimental-websocket']

t.test('CL08 the global WebSocket of Node', async (t) => {
  t.same(await linesOf(t, 'node.js', await startServer(t), withGlobal), ['welcome', 'hello from Node'])
})

t.test('CL11 the client of ws', async (t) => {
  t.same(await linesOf(t, 'ws.js', await startServer(t)), ['welcome', 'hello from ws'])
})

t.test('CL09 the handshakes of curl: 101 with a key, 400 with what is none', async (t) => {
  const port = await startServer(t)
  const statuses = await Promise.all(
    codeBlocks(guide, 'sh').map(async (block) => {
      const headers = [...block.matchAll(/-H '([^:]+): ([^']+)'/g)].map(([, name, value]) => [name, value])
      t.equal(headers.length, 4)
      const path = /http:\/\/localhost:8080(\/\S*)/.exec(block)?.[1] ?? ''
      const client = await RawClient.open({ port, path, headers: Object.fromEntries(headers) })
      client.destroy()
      return client.response.status
    }),
  )
  t.same(statuses, [101, 400])
})

t.test('CL01 the client that comes back: what was sent early arrives, and it ends by itself', async (t) => {
  const lines = await linesOf(t, 'reconnecting.js', await startServer(t))
  t.same(lines, ['connected', 'welcome', 'hello', 'the end: 1000'])
})

t.test('CL01 it asks for what it has missed', async (t) => {
  t.same(await linesOf(t, 'resuming.js', 0), ['news 1', 'news 2', 'news 3'])
})

t.test('CL01 it goes on where it was, with a session', async (t) => {
  t.same(await linesOf(t, 'session.js', 0), ['new', 'as it was', 'still in the room'])
})

t.test('the table lists exactly the options there are, with their defaults', async (t) => {
  const { backoff, queue, ...options } = resolveClientOptions({ WebSocket: class {} as never })
  const rows = new Map([...guide.matchAll(/^\| `(\w+)` \| (.*?) \|/gm)].map(([, name, value]) => [name, value]))
  t.same([...rows.keys()].sort(), [...Object.keys(options), 'backoff', 'queue'].sort())
  const written = (value: object): string =>
    `\`${JSON.stringify(value)
      .replaceAll(/"(\w+)":/g, ' $1: ')
      .replaceAll('"', "'")
      .replace('}', ' }')
      .replaceAll(/ +/g, ' ')}\``
  t.equal(rows.get('backoff'), written(backoff))
  t.equal(rows.get('queue'), written(queue))
  t.equal(rows.get('connectTimeoutMs'), String(options.connectTimeoutMs))
  t.match(rows.get('maxAttempts'), new RegExp(`^${options.maxAttempts}`))
})
