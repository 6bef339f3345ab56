/** Document 004: the end of a server. */
import t from 'tap'
import { createServer, ServerProtocol } from '../../src/facades/verb.ts'
import { deferred } from '../fixtures/deferred.ts'
import { VerbUnderTest } from '../fixtures/verb-server.ts'

const NOTICE = { type: 'server_shutdown', message: 'Server is shutting down' }

t.test('SH02 SH03 SH04 SH06: a notice, a time of grace, 1001 Server shutdown, and only then the end', async (t) => {
  const verb = new VerbUnderTest(t, {
    message: (ws, message) => ws.send(`still here: ${message}`),
  })
  verb.app.withOptions({
    shutdown: { notice: () => JSON.stringify({ ...NOTICE, timestamp: new Date().toISOString() }), graceMs: 200 },
  })
  verb.app.get('/', (_request, response) => response.send('up'))
  await verb.listen()
  const [first, second] = [await verb.connect(), await verb.connect()]
  const down = verb.app.shutdown()
  for (const client of [first, second]) {
    const notice = await client.nextJson()
    t.match(notice, { ...NOTICE, timestamp: String })
    t.ok(Date.parse(String(notice.timestamp)) > 0)
  }
  first.socket.send('goodbye')
  t.equal(await first.nextText(), 'still here: goodbye', 'clients may react to the notice')
  await t.rejects(fetch(verb.http), 'nobody new')
  for (const client of [first, second]) t.same(await client.closed, { code: 1001, reason: 'Server shutdown' })
  t.match(await down, { connections: 2, closed: 2, terminated: 0 })
  t.same(await verb.app.shutdown(), await down, 'asked again')
  await t.rejects(verb.app.listen(), { code: 'SERVER_CLOSED' })
})

t.test('SH03: the grace is 5 s after a notice, none without, and ends when everyone has left', async (t) => {
  const app = createServer(ServerProtocol.WEBSOCKET).withOptions({ websocket: { shards: 0 } })
  await app.listen(0, '127.0.0.1')
  const plan = deferred<object>()
  app.websocket?.once('draining', (each) => plan.resolve(each))
  await app.shutdown({ notice: 'bye' })
  t.match(await plan.promise, { graceMs: 5000, deadlineMs: 15_000, code: 1001, reason: 'Server shutdown' })

  const other = createServer(ServerProtocol.WEBSOCKET).withOptions({ websocket: { shards: 0 } })
  await other.listen(0, '127.0.0.1')
  const quiet = deferred<object>()
  other.websocket?.once('draining', (each) => quiet.resolve(each))
  await other.shutdown({ code: 1012 })
  t.match(await quiet.promise, { graceMs: 0, code: 1012 })
})

t.test('SH04: another code, for a service that restarts', async (t) => {
  const verb = await new VerbUnderTest(t, { open: () => {} }).listen()
  const client = await verb.connect()
  await t.rejects(verb.app.shutdown({ code: 999 }), { code: 'ARGUMENT_INVALID' })
  await verb.app.shutdown({ code: 1012, reason: 'Restarting' })
  t.same(await client.closed, { code: 1012, reason: 'Restarting' })
})

t.test('a server that never listened, and one that could not, can be shut down', async (t) => {
  t.equal(await createServer().shutdown(), null)
  const verb = await new VerbUnderTest(t, { open: () => {} }).listen()
  const app = createServer().withOptions({ port: verb.port, host: '127.0.0.1', websocket: { shards: 0 } })
  await t.rejects(app.listen(), { code: 'EADDRINUSE' })
  const { port } = await app.listen(0)
  t.ok(port > 0, 'and tried again')
  await app.shutdown()
})

t.test('a route that is answering an upgrade request when the server ends does not keep it', async (t) => {
  const verb = new VerbUnderTest(t)
  const answering = deferred<void>()
  verb.app.get('/', (_request, response) => {
    response.status(400).write('without end')
    answering.resolve()
  })
  await verb.listen()
  const client = await verb.open()
  t.equal(client.response.status, 400)
  await answering.promise
  await verb.app.shutdown()
  await client.waitClosed()
})
