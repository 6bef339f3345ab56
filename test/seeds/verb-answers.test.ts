/** Document 004: upgrade requests that HTTP routes answer, and those that nobody answers. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import t from 'tap'
import { deferred } from '../fixtures/deferred.ts'
import { eventually } from '../fixtures/journal.ts'
import { descriptorsBackTo, openDescriptors } from '../fixtures/process-resources.ts'
import { RawClient } from '../fixtures/raw-client.ts'
import { upgradeRequest } from '../fixtures/raw-request.ts'
import { VerbUnderTest } from '../fixtures/verb-server.ts'

t.test('malformed handshakes are answered by the engine, before any route', async (t) => {
  const verb = new VerbUnderTest(t)
  let runs = 0
  verb.app.use((_request, _response, next) => {
    runs++
    next()
  })
  await verb.listen()
  for (const [headers, status] of [
    [{ 'Sec-WebSocket-Key': 'short' }, 400],
    [{ 'Sec-WebSocket-Version': '8' }, 426],
    [{ 'Content-Length': '3' }, 400],
  ] as const) {
    t.equal((await verb.open({ headers })).response.status, status)
  }
  t.equal(runs, 0)
})

t.test('a route that does not decide in time: 503, and what it does afterwards goes nowhere', async (t) => {
  const verb = new VerbUnderTest(t, { verifyTimeoutMs: 100, open: () => {} })
  const closed = deferred<number>()
  const answered = deferred<void>()
  verb.app.get('/', async (request, response) => {
    await once(request.socket, 'close')
    if (request.query.answer === undefined) response.upgrade().on('close', (code) => closed.resolve(code))
    else response.on('finish', () => answered.resolve()).json({ far: 'too late' })
  })
  await verb.listen()
  for (const path of ['/', '/?answer']) {
    const client = await verb.open({ path })
    t.equal(client.response.status, 503)
    client.end()
    await client.waitClosed()
    t.notMatch(client.body.toString(), 'too late')
  }
  t.equal(await closed.promise, 1006)
  await answered.promise
  t.same(verb.app.stats()?.rejected.reasons, { VERIFY_TIMEOUT: 2 })
})

t.test('a client that leaves while a route decides leaves nothing behind', async (t) => {
  const verb = new VerbUnderTest(t, { verifyTimeoutMs: 100 })
  const began = deferred<void>()
  const left = deferred<void>()
  verb.app.get('/', (_request, response) => {
    response.on('close', () => left.resolve())
    began.resolve()
  })
  await verb.listen()
  const socket = connect(verb.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(upgradeRequest())
  await began.promise
  socket.resetAndDestroy()
  await left.promise
  await eventually('its handshake is over', () => verb.app.stats()?.rejected.total === 1)
})

t.test('a route that fails before it decides: 500 without a word of why, which error or the log says', async (t) => {
  const records: object[] = []
  const note = (details: object): void => void records.push(details)
  const verb = new VerbUnderTest(t, {
    logger: { error: note, warn: note, info: () => {}, debug: () => {} },
    open: () => {},
  })
  verb.app
    .get('/sync', () => {
      throw new Error('secret')
    })
    .get('/async', async (_request, response) => {
      response.status(400).write('half of it')
      throw new Error('secret')
    })
  await verb.listen()
  const sync = await verb.open({ path: '/sync' })
  t.equal(sync.response.status, 500)
  t.notMatch(sync.body.toString(), 'secret')
  t.match(records.splice(0), [{ id: null, error: /Error: secret\n.*verb-answers/ }], 'logged with where')

  const errors: string[] = []
  verb.app.websocket?.on('error', (id, error) => errors.push(`${id} ${error.message}`))
  const half = await verb.open({ path: '/async' })
  t.equal(half.response.status, 400)
  await half.waitClosed()
  t.same(errors, ['null secret'])
  t.same(records, [])
})

t.test('a redirection is no page: it refuses, and a page that nobody refuses is none', async (t) => {
  const verb = new VerbUnderTest(t, { open: (ws) => ws.send('open') })
  verb.app
    .get('/private', (_request, response) => response.redirect('/login'))
    .get('/unchanged', (_request, response) => {
      response.status(304).end()
    })
  await verb.listen()
  const client = await verb.open({ path: '/private' })
  t.equal(client.response.status, 302)
  t.same(client.response.headers.get('location'), ['/login'])
  t.equal(await (await verb.connect('/unchanged')).nextText(), 'open')
})

t.test('an upgrade request behind one that is not answered yet is refused without harm to anybody else', async (t) => {
  const errors: string[] = []
  const verb = new VerbUnderTest(t)
  const first = deferred<void>()
  verb.app
    .get('/slow', async (_request, response) => {
      await first.promise
      response.send('slow')
    })
    .get('/refused', (_request, response) => {
      first.resolve()
      response.status(400).send('no')
    })
    .get('/fine', (_request, response) => response.upgrade().send('fine'))
  await verb.listen()
  verb.app.websocket?.on('error', (_id, error) => errors.push(error.message))
  const client = await verb
    .open({
      handshake: Buffer.concat([
        Buffer.from('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n'),
        upgradeRequest({}, { target: '/refused' }),
      ]),
    })
    .catch(() => null)
  client?.destroy()
  t.equal(await (await verb.connect('/fine')).nextText(), 'fine')
  t.same(errors, [])
})

t.test('an answer that is streamed arrives whole, and a page that nobody gets is streamed to its end', async (t) => {
  const verb = new VerbUnderTest(t, { open: (ws) => ws.send('open') })
  const finished = deferred<void>()
  const chunks = Array.from({ length: 30 }, () => Buffer.alloc(100_000, 'x'))
  verb.app
    .get('/refused', (_request, response) => {
      Readable.from(chunks).pipe(response.status(403))
    })
    .get('/page', (_request, response) => {
      Readable.from(chunks).pipe(response.on('finish', () => finished.resolve()))
    })
  await verb.listen()
  const refused = await verb.open({ path: '/refused' })
  refused.end()
  t.match(await refused.waitClosed(), { how: 'fin' })
  t.ok(refused.body.length > 3_000_000, 'with the lengths of the chunks')
  t.equal(await (await verb.connect('/page')).nextText(), 'open')
  await finished.promise
})

t.test('whatever becomes of upgrade requests, no descriptor, handshake or connection is left', async (t) => {
  const verb = new VerbUnderTest(t, { shards: 1, execArgv: [], verifyTimeoutMs: 200, open: () => {} })
  verb.app
    .get('/page', (_request, response) => response.html('page'))
    .get('/refused', (_request, response) => response.status(400).json({}))
    .get('/thrown', () => {
      throw Object.assign(new Error('no'), { status: 403 })
    })
    .get('/upgraded', (_request, response) => response.upgrade().send('hello'))
    .get('/closed', (_request, response) => response.upgrade().close(4000))
    .get('/terminated', (_request, response) => response.upgrade().terminate())
    .get('/undecided', () => {})
  await verb.listen()
  ;(await verb.open({ path: '/upgraded' })).destroy()
  await verb.empty()
  const before = openDescriptors().length
  const paths = ['/page', '/refused', '/thrown', '/upgraded', '/closed', '/terminated', '/undecided', '/no/route']
  for (let round = 0; round < 10; round++) {
    await Promise.all(
      paths.map(async (path) => {
        const client = await RawClient.open({ port: verb.port, path }).catch(() => null)
        client?.destroy()
      }),
    )
  }
  await verb.empty()
  await descriptorsBackTo(before)
  t.equal(verb.app.getStats().active, 0)
  const [total = 0, opened = 0] = [verb.app.stats()?.rejected.total, verb.app.getStats().total]
  t.ok(total >= 30 && opened >= 40, `${total} refused, ${opened} opened`)
})
