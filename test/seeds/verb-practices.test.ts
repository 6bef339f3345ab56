/** Document 004: its list of best practices, each built in. */
import { once } from 'node:events'
import t from 'tap'
import { z } from 'zod'
import type { ShardwsError } from '../../src/facades/verb.ts'
import { VerbUnderTest } from '../fixtures/verb-server.ts'

t.test('AU27: authentication, rate limits, errors, health checks, validation, resource limits, logging', async (t) => {
  const records: object[] = []
  const note = (details: object): void => void records.push(details)
  const verb = new VerbUnderTest(t, {
    verifyClient: ({ headers }) => headers.authorization === 'Bearer secret',
    rateLimit: { messages: 2, perMs: 3_600_000, burst: 2, action: 'error' },
    pingIntervalMs: 50,
    validate: z.object({ text: z.string() }),
    maxConnections: 1,
    logger: { error: note, warn: note, info: note, debug: () => {} },
    message: (ws, message) => ws.send(`got ${message}`),
    error: (ws, error) => ws.send((error as ShardwsError).code),
  })
  await verb.listen()
  const stranger = await verb.open()
  t.equal(stranger.response.status, 401, 'authentication')
  t.match(
    records.filter((record) => 'security' in record),
    [{ security: true, reason: 'auth' }],
    'logging',
  )

  const client = await verb.connect('/', [], { Authorization: 'Bearer secret' })
  const pinged = once(client.socket, 'ping')
  client.socket.send('{"text":1}')
  t.equal(await client.nextText(), 'MESSAGE_INVALID', 'message validation, error handling')
  client.socket.send('{"text":"hi"}')
  t.equal(await client.nextText(), 'got {"text":"hi"}')
  client.socket.send('{"text":"too much"}')
  t.equal(await client.nextText(), 'RATE_LIMITED', 'rate limiting')
  await pinged
  t.pass('health checks')
  const second = await verb.open({ headers: { Authorization: 'Bearer secret' } })
  t.equal(second.response.status, 503, 'resource limits')
})

t.test('RO25 AU26: in-band authentication and users of the engine, in handlers and in routes', async (t) => {
  const verb = new VerbUnderTest(t, {
    auth: {
      authenticate: (socket, message) => {
        if (message === 'password') return { id: socket.query.name }
        throw new Error('wrong password')
      },
    },
    message: (ws, message) => {
      ws.identify(String((ws.user as { id: string }).id))
      ws.send(`${(ws.user as { id: string }).id}: ${message}`)
    },
  })
  verb.app.get('/route', (request, response) => {
    const ws = response.upgrade()
    ws.identify(String(request.query.name))
    ws.on('message', (message) => ws.send(`heard ${message}`))
  })
  await verb.listen()
  const stranger = await verb.connect('/?name=eve')
  stranger.socket.send('guess')
  t.equal((await stranger.closed).code, 1008)
  const ann = await verb.connect('/?name=ann')
  ann.socket.send('password')
  ann.socket.send('hi')
  t.equal(await ann.nextText(), 'ann: hi')
  const route = await verb.connect('/route?name=ann')
  route.socket.send('password')
  route.socket.send('hi')
  t.equal(await route.nextText(), 'heard hi')
  verb.app.websocket?.user('ann').send('both')
  for (const client of [ann, route]) t.equal(await client.nextText(), 'both')
})
