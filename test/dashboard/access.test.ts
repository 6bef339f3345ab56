/** Who may look at a dashboard and who may act. */
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { type DashboardOptions, type DashboardPurpose, dashboardHandler } from '../../src/dashboard/dashboard.ts'
import { type Asked, DashboardClient } from '../fixtures/dashboard-client.ts'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { RecordingLogger } from '../fixtures/recording-logger.ts'

/** Another peer than there is, on request: a test has no other machine. */
const PEER_FIELD = 'test-peer'

async function serve(t: Test, options: DashboardOptions = {}, shards = 0) {
  const engine = await EngineUnderTest.start(t, { shards })
  const logger = new RecordingLogger()
  const handler = dashboardHandler(engine.server, { logger, ...options })
  const client = await DashboardClient.serve(t, (request, response) => {
    const peer = request.headers[PEER_FIELD]
    if (peer !== undefined) Object.defineProperty(request.socket, 'remoteAddress', { value: peer })
    handler(request, response)
  })
  return { engine, client, logger }
}

t.test('without authorize only a browser on this machine is let in', async (t) => {
  const { client } = await serve(t, { actions: { drain: true } })
  for (const host of [
    'localhost',
    'localhost:8080',
    '127.0.0.1',
    '127.9.8.7:1',
    '[::1]',
    '[::1]:8080',
    'ops.localhost',
  ]) {
    t.equal((await client.ask({ headers: { host } })).status, 200, host)
  }
  for (const peer of ['127.0.0.9', '::1', '::ffff:127.0.0.1'])
    t.equal((await client.ask({ headers: { host: 'localhost', [PEER_FIELD]: peer } })).status, 200, peer)
  const strangers: readonly (readonly [headers: Record<string, string>, why: RegExp])[] = [
    [{ [PEER_FIELD]: '192.0.2.1' }, /another machine/],
    [{ [PEER_FIELD]: '::ffff:10.0.0.1' }, /another machine/],
    [{ [PEER_FIELD]: '2001:db8::1' }, /another machine/],
    [{ [PEER_FIELD]: '' }, /another machine/],
    [{ 'X-Forwarded-For': '127.0.0.1' }, /a proxy speaks for somebody else \(x-forwarded-for\)/],
    [{ 'X-Forwarded-Proto': 'https' }, /a proxy/],
    [{ Forwarded: 'for=127.0.0.1' }, /a proxy/],
    [{ 'X-Real-IP': '127.0.0.1' }, /a proxy/],
    [{ Via: '1.1 proxy' }, /a proxy/],
    // A name that a stranger's page has been given, and pointed here.
    [{ host: 'rebound.example' }, /Host is not localhost/],
    [{ host: 'localhost.example' }, /Host is not localhost/],
    [{ host: '127.0.0.1.example:8080' }, /Host is not localhost/],
    [{ host: '192.0.2.1' }, /Host is not localhost/],
  ]
  for (const [headers, why] of strangers) {
    for (const asked of [{}, { path: '/?events' }, { method: 'POST', path: '/?action=drain' }] satisfies Asked[]) {
      const { status, body } = await client.ask({
        ...asked,
        headers: { host: 'localhost', 'shardws-dashboard': '1', ...headers },
      })
      t.equal(status, 403, JSON.stringify({ ...headers, ...asked }))
      t.match(body, why)
      t.match(body, 'authorize: (request)', 'it says what to do')
    }
  }
})

t.test('without authorize a proxy that adds nothing is known by its HTTP/1.0', async (t) => {
  const { client } = await serve(t)
  const proxy = connect(client.port, '127.0.0.1')
  proxy.end('GET / HTTP/1.0\r\nHost: localhost\r\n\r\n')
  t.match(await text(proxy), /^HTTP\/1\.1 403 [\s\S]*HTTP\/1\.0/)
})

t.test('with authorize it decides, about everybody and everything', async (t) => {
  const asked: DashboardPurpose[] = []
  const { client, engine } = await serve(t, {
    actions: { reload: true, resize: true, drain: true },
    authorize: async ({ headers }, purpose) => {
      asked.push(purpose)
      return headers.authorization === 'operator' || (headers.authorization === 'guest' && purpose === 'view')
    },
  })
  const operator = { authorization: 'operator' }
  const guest = { authorization: 'guest' }
  const far = { [PEER_FIELD]: '192.0.2.1', host: 'ops.example', 'X-Forwarded-For': '192.0.2.7' }
  for (const headers of [operator, guest]) t.equal((await client.ask({ headers: { ...far, ...headers } })).status, 200)
  t.same(asked, ['view', 'view'])
  t.equal((await client.ask()).status, 403, 'not even from this machine')
  t.equal((await client.ask({ path: '/?events' })).status, 403)
  for (const action of ['reload', 'resize&shards=2', 'drain']) {
    t.match(await client.act(action, guest), { status: 403, body: /not allowed/ })
  }
  t.same(asked.slice(-3), ['reload', 'resize', 'drain'])
  t.equal(engine.server.health().status !== 'draining', true)
  t.equal((await client.act('drain', operator)).status, 200)
  t.equal(engine.server.health().status, 'draining')
})

t.test('an answer of authorize goes to the client; one that lets in by mistake does not', async (t) => {
  let verdict: unknown
  const { client } = await serve(t, { authorize: () => verdict as boolean })
  verdict = { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="ops"' }, body: 'who are you?' }
  const answer = await client.ask()
  t.match(answer, { status: 401, body: 'who are you?\n' })
  t.match(answer.headers, { 'www-authenticate': 'Basic realm="ops"', 'x-content-type-options': 'nosniff' })
  verdict = { status: 302, headers: { Location: '/login' } }
  t.match(await client.ask(), { status: 302, headers: { location: '/login' } })
  for (const wrong of [{ status: 200, body: 'come in' }, { status: 700 }, {}, undefined, null, 0, 1, 'yes']) {
    verdict = wrong
    t.match(await client.ask(), { status: 403, body: 'not allowed\n' }, JSON.stringify(wrong))
  }
})

t.test('an authorize that fails lets nobody in, tells the log and not the client', async (t) => {
  for (const authorize of [
    () => {
      throw new Error('no database at 10.0.0.7')
    },
    () => Promise.reject(new Error('no database at 10.0.0.7')),
  ]) {
    const { client, logger } = await serve(t, { authorize })
    const { status, body } = await client.ask()
    t.equal(status, 500)
    t.notMatch(body, '10.0.0.7')
    t.match(logger.records, [{ level: 'error', details: { error: /no database/, purpose: 'view' } }])
  }
})

t.test('no other site makes a browser act', async (t) => {
  const { client, engine, logger } = await serve(t, { actions: { drain: true } })
  const forgeries: readonly (readonly [headers: Record<string, string>, why: RegExp])[] = [
    [{ origin: 'https://evil.example' }, /another site/],
    [{ origin: 'null' }, /another site/],
    [{ origin: `http://localhost:${client.port + 1}` }, /another site/],
    [{ 'sec-fetch-site': 'cross-site' }, /another site/],
    [{ 'sec-fetch-site': 'same-site', origin: `http://localhost:${client.port}` }, /another site/],
  ]
  const host = `localhost:${client.port}`
  for (const [headers, why] of forgeries) {
    t.match(await client.act('drain', { host, ...headers }), { status: 403, body: why }, JSON.stringify(headers))
    t.equal((await client.ask({ path: '/?events', headers: { host, ...headers } })).status, 403, 'nor look')
  }
  const plain = await client.ask({
    method: 'POST',
    path: '/?action=drain',
    headers: { host, origin: `http://${host}` },
  })
  t.match(plain, { status: 403, body: /header shardws-dashboard: 1 is missing/ }, 'as a form would')
  for (const method of ['GET', 'HEAD'])
    await client.ask({ method, path: '/?action=drain', headers: { 'shardws-dashboard': '1' } })
  t.same(logger.records, [])
  t.not(engine.server.health().status, 'draining')
  t.equal((await client.act('drain', { host, origin: `http://${host}` })).status, 200)
  t.equal(engine.server.health().status, 'draining')
})

t.test('behind a proxy that changes Host, what the browser says of the site counts', async (t) => {
  const { client } = await serve(t, { authorize: () => true, actions: { reload: true } }, 1)
  const headers = { host: '127.0.0.1:3000', origin: 'https://ops.example' }
  t.equal((await client.act('reload', { ...headers, 'sec-fetch-site': 'same-origin' })).status, 200)
  t.equal((await client.act('reload', headers)).status, 403)
})
