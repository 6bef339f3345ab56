import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import t from 'tap'
import { requestFields } from '../../src/shared/request-fields.ts'
import { UpgradeRequest } from '../../src/shared/upgrade-request.ts'

const FOUND = { protocol: '', user: undefined, ip: '192.0.2.9' }

function requestOf(
  url: string | undefined,
  address: Partial<Pick<Socket, 'remoteAddress' | 'remotePort'>> = {},
): IncomingMessage {
  const socket = new Socket()
  for (const [name, value] of Object.entries(address)) Object.defineProperty(socket, name, { value })
  const request = new IncomingMessage(socket)
  if (url !== undefined) request.url = url
  request.headers = { host: 'a.example', 'user-agent': 'test' }
  return request
}

function snapshot(url: string): UpgradeRequest {
  return new UpgradeRequest(requestFields(requestOf(url), FOUND))
}

t.test('it keeps what is known of the request', async (t) => {
  const raw = requestOf('/chat?room=7', { remoteAddress: '192.0.2.1', remotePort: 4711 })
  const user = { name: 'ann' }
  const request = new UpgradeRequest(requestFields(raw, { protocol: 'chat', user, ip: '192.0.2.1' }))
  t.match(request, {
    url: '/chat?room=7',
    path: '/chat',
    protocol: 'chat',
    remoteAddress: '192.0.2.1',
    remotePort: 4711,
  })
  t.equal(request.ip, '192.0.2.1')
  t.equal(request.user, user)
  t.equal(request.headers['user-agent'], 'test')
})

t.test('a socket that is gone has no address', async (t) => {
  t.match(new UpgradeRequest(requestFields(requestOf(undefined), FOUND)), { remoteAddress: '0.0.0.0', remotePort: 0 })
})

for (const [url, path, query] of [
  ['/', '/', {}],
  ['/a/b', '/a/b', {}],
  ['/a?', '/a', {}],
  ['/a?x=1&y=2', '/a', { x: '1', y: '2' }],
  ['/a?x=1&x=2', '/a', { x: '2' }],
  ['/a?x=%C3%A4+b', '/a', { x: 'ä b' }],
  ['/a?x', '/a', { x: '' }],
  ['/a?x=1?y=2', '/a', { x: '1?y=2' }],
  ['/a?x=%zz', '/a', { x: '%zz' }],
  ['//?x=1', '//', { x: '1' }],
  ['/%61?x=1', '/%61', { x: '1' }],
] as const) {
  t.test(`path and query of ${url}`, async (t) => {
    t.equal(snapshot(url).path, path)
    t.same({ ...snapshot(url).query }, query)
  })
}

t.test('a query cannot reach a prototype', async (t) => {
  const { query } = snapshot('/?__proto__=x&constructor=y')
  t.equal(Object.getPrototypeOf(query), null)
  t.same(Object.keys(query), ['__proto__', 'constructor'])
  t.equal(query.toString, undefined)
  t.equal(({} as Record<string, unknown>).x, undefined)
})
