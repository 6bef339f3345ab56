/** docs/guides/nextrush.md: what documents 001 to 003 only advise, and links that lead somewhere. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { v2App } from '../fixtures/nextrush-app.ts'
import { REPOSITORY } from '../fixtures/repository.ts'

const url = new URL('docs/guides/nextrush.md', REPOSITORY)
const guide = readFileSync(url, 'utf8')
const text = guide.replaceAll(/\s+/g, ' ')

/** As GitHub makes them of headings. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\d -]/gu, '')
      .replaceAll(' ', '-'),
  )
}

t.test('EX16: troubleshooting: refused, not received, not broadcast', async (t) => {
  for (const heading of [
    'The connection is refused.',
    'A message does not arrive.',
    'A room broadcast does not arrive.',
  ]) {
    t.match(text, `**${heading}**`)
  }
  for (const word of ['enableWebSocket', 'readyState', 'wsRooms.has(room)']) t.match(text, word)
})

t.test('EX17 AU07 AU10 HE11: advice on building and running', async (t) => {
  for (const advice of [
    'Business logic apart',
    'Document the messages',
    'one connection pool',
    'kept in memory for a moment',
    'textContent',
    'WSS',
    'Firewall',
    'Session affinity',
    '`pingInterval` (`heartbeatMs`) must be shorter than the idle timeout',
  ]) {
    t.match(text, advice)
  }
})

t.test('F206: every link of the guide leads somewhere, and every example is in it', async (t) => {
  const links = [...guide.matchAll(/\]\(([^)]+)\)/g)].map(([, link = '']) => link)
  t.ok(links.length > 20)
  for (const link of links.filter((each) => !each.startsWith('https://'))) {
    const [path = '', anchor] = link.split('#')
    const target = new URL(path, url)
    t.ok(existsSync(target), link)
    if (anchor !== undefined) t.ok(anchorsOf(readFileSync(target, 'utf8')).includes(anchor), link)
  }
  const folder = new URL('examples/nextrush/', REPOSITORY)
  const programs = readdirSync(folder).filter(
    (name) => name.endsWith('.ts') && readFileSync(new URL(name, folder), 'utf8').includes('await serve(app)'),
  )
  t.ok(programs.length > 15)
  for (const name of programs) t.ok(links.includes(`../../examples/nextrush/${name}`), name)
})

t.test('EX16: the handshake that the guide shows is accepted, and the statuses are what it says', async (t) => {
  const { app, clients, listen } = v2App(t, {
    maxConnections: 1,
    allowOrigins: ['https://a.com'],
    verifyClient: (req) => req.headers['x-token'] !== undefined,
  })
  app.ws('/chat', () => {})
  await listen()
  const [, key = ''] = /Sec-WebSocket-Key: (\S+?)'/.exec(guide) ?? []
  const good = { 'X-Token': 'x' }
  for (const [path, headers, status] of [
    ['/chat/', good, 404],
    ['/chat', { ...good, 'Sec-WebSocket-Key': 'test' }, 400],
    ['/chat', {}, 401],
    ['/chat', { ...good, Origin: 'https://b.com' }, 403],
    ['/chat', { ...good, 'Sec-WebSocket-Key': key }, 101],
  ] as const) {
    t.equal(await clients.statusOf(path, headers), status, `${path} ${JSON.stringify(headers)}`)
    t.ok(status === 101 || guide.includes(`\n| ${status} |`), 'it is in the table')
  }
})
