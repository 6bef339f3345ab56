import { once } from 'node:events'
import { symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createHttpListener } from '../../src/cli/serve/http-listener.ts'
import { StaticFiles } from '../../src/cli/serve/static-files.ts'

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

type Ask = (path: string, options?: { method?: string; headers?: Record<string, string> }) => Promise<Answer>

/** Asks for exactly this path: fetch would tidy it up. */
async function serving(t: Test, folder: string): Promise<Ask> {
  const server = createServer(createHttpListener(new Map(), await StaticFiles.open(folder)))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  return async (path, options = {}) => {
    const asked = request({ port, host: '127.0.0.1', path, agent: false, ...options }).end()
    const [response] = await once(asked, 'response')
    let body = ''
    for await (const part of response.setEncoding('utf8')) body += part
    return { status: response.statusCode, headers: response.headers, body }
  }
}

const FOLDER = {
  'index.html': '<h1>start</h1>',
  'a b.css': 'body {}',
  'data.unknown': 'x',
  empty: '',
  '.env': 'SECRET=1',
  '.git': { config: 'secret' },
  '.well-known': { 'security.txt': 'Contact: x' },
  sub: { 'index.html': '<h1>sub</h1>', 'page.JS': '1' },
  bare: { 'file.txt': 'text' },
}

t.test('files, their types, and the index of a folder', async (t) => {
  const ask = await serving(t, t.testdir(FOLDER))
  for (const [path, type, body] of [
    ['/', 'text/html; charset=utf-8', '<h1>start</h1>'],
    ['/?x=1', 'text/html; charset=utf-8', '<h1>start</h1>'],
    ['/index.html', 'text/html; charset=utf-8', '<h1>start</h1>'],
    ['/a%20b.css', 'text/css; charset=utf-8', 'body {}'],
    ['/data.unknown', 'application/octet-stream', 'x'],
    ['/empty', 'application/octet-stream', ''],
    ['/sub/', 'text/html; charset=utf-8', '<h1>sub</h1>'],
    ['/sub/page.JS', 'text/javascript; charset=utf-8', '1'],
    ['/.well-known/security.txt', 'text/plain; charset=utf-8', 'Contact: x'],
  ] as const) {
    const answer = await ask(path)
    t.same([answer.status, answer.headers['content-type'], answer.body], [200, type, body], path)
    t.equal(answer.headers['content-length'], String(body.length))
    t.equal(answer.headers['x-content-type-options'], 'nosniff')
  }
})

t.test('nothing outside the folder, nothing hidden, no listing', async (t) => {
  const outer = t.testdir({ secret: 'secret', public: FOLDER, 'public-not': { file: 'secret' } })
  const folder = join(outer, 'public')
  symlinkSync(join(outer, 'secret'), join(folder, 'link'))
  symlinkSync(join(outer, 'public-not'), join(folder, 'linked'))
  symlinkSync(join(folder, 'index.html'), join(folder, 'inside'))
  const ask = await serving(t, folder)
  for (const path of [
    '/../secret',
    '/%2e%2e/secret',
    '/..%2fsecret',
    '/%2e%2e%2fsecret',
    '/sub/../../secret',
    '/sub/%2e%2e/index.html',
    '/..%5csecret',
    '/%00',
    '/index.html%00.txt',
    '/%',
    '/%ff',
    '//index.html',
    '/sub//index.html',
    '/index.html/',
    '/.env',
    '/.git/config',
    '/%2eenv',
    '/bare/',
    '/missing',
    '/link',
    '/linked/file',
    'http://127.0.0.1/index.html',
  ]) {
    const answer = await ask(path)
    t.same([answer.status, answer.body], [404, 'Not Found\n'], path)
  }
  t.match(await ask('/inside'), { status: 200, body: '<h1>start</h1>' }, 'a link that stays inside')
})

t.test('a folder without its slash is a redirect within this host', async (t) => {
  const ask = await serving(t, t.testdir({ ...FOLDER, 'evil.com': { 'index.html': '' }, 'a b?': { 'index.html': '' } }))
  t.match(await ask('/sub?x=1'), { status: 301, headers: { location: '/sub/?x=1' } })
  t.match(await ask('/a%20b%3f'), { status: 301, headers: { location: '/a%20b%3F/' } })
  t.match(await ask('//evil.com'), { status: 404 })
})

t.test('HEAD, other methods, and what the client has already', async (t) => {
  const folder = t.testdir(FOLDER)
  const ask = await serving(t, folder)
  const { headers } = await ask('/index.html')
  const head = await ask('/index.html', { method: 'HEAD' })
  t.match(head, { status: 200, body: '', headers: { 'content-length': '14', etag: headers.etag } })
  t.match(await ask('/', { method: 'POST' }), { status: 405, headers: { allow: 'GET, HEAD' } })
  const conditional = (fields: Record<string, string>): Promise<Answer> => ask('/index.html', { headers: fields })
  const { etag = '', 'last-modified': modified = '' } = headers
  t.match(await conditional({ 'If-None-Match': etag }), { status: 304, body: '', headers: { etag } })
  t.match(await conditional({ 'If-None-Match': `"x", ${etag}` }), { status: 304 })
  t.match(await conditional({ 'If-None-Match': '*' }), { status: 304 })
  t.match(await conditional({ 'If-Modified-Since': modified }), { status: 304 })
  t.match(
    await conditional({ 'If-None-Match': '"x"', 'If-Modified-Since': modified }),
    { status: 200 },
    'the tag counts',
  )
  writeFileSync(join(folder, 'index.html'), '<h1>other</h1>.')
  t.match(await conditional({ 'If-None-Match': etag }), { status: 200, body: '<h1>other</h1>.' })
})
