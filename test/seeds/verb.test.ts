/** Document 004: the server, its handlers and its sockets. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import t from 'tap'
import { createServer, ServerProtocol, type VerbSocket } from '../../src/facades/verb.ts'
import { deferred } from '../fixtures/deferred.ts'
import { MessageClient } from '../fixtures/message-client.ts'
import { VerbUnderTest } from '../fixtures/verb-server.ts'

t.test('LC23 FV01: a server of WebSocket only answers plain HTTP with 426', async (t) => {
  const verb = new VerbUnderTest(t, { open: (ws) => ws.send('Welcome') }, ServerProtocol.WEBSOCKET)
  await verb.listen()
  const response = await fetch(verb.http)
  t.equal(response.status, 426)
  t.equal(response.headers.get('upgrade'), 'websocket')
  const client = await verb.connect('/any/path')
  t.equal(await client.nextText(), 'Welcome')
  t.throws(() => verb.app.get('/', () => {}), { code: 'ARGUMENT_INVALID', message: /use createServer\(\)/ })
  t.throws(() => createServer('grpc' as ServerProtocol), { code: 'ARGUMENT_INVALID' })
})

t.test('LC24 OP37: calls of withOptions add up, and the port of listen wins', async (t) => {
  const app = createServer(ServerProtocol.WEBSOCKET)
  t.teardown(() => app.shutdown({ deadlineMs: 1000 }))
  await t.rejects(app.listen(), { code: 'ARGUMENT_INVALID', message: /port is missing/ })
  app.withOptions({ port: 1, host: '127.0.0.1', websocket: { shards: 0, open: (ws) => ws.send('open') } })
  app.withOptions({ websocket: { message: () => {}, maxPayloadLength: 10 } })
  app.withOptions({ websocket: { message: (ws, message) => ws.send(`2: ${message}`) } })
  let called = 0
  const { port } = await app.listen(0, () => called++)
  t.equal(called, 1)
  t.not(port, 1)
  t.same(app.address(), { address: '127.0.0.1', family: 'IPv4', port })
  const client = await MessageClient.connect(`ws://127.0.0.1:${port}`)
  t.equal(await client.nextText(), 'open', 'of the first call')
  client.socket.send('x')
  t.equal(await client.nextText(), '2: x', 'of the last call')

  app.withOptions({ websocket: { message: (ws, message) => ws.send(`3: ${message}`) } })
  client.socket.send('y')
  t.equal(await client.nextText(), '3: y', 'handlers may be exchanged at any time')
  t.throws(() => app.withOptions({ websocket: { maxPayloadLength: 20 } }), { code: 'ALREADY_LISTENING' })
  await t.rejects(app.listen(0), { code: 'ALREADY_LISTENING' })
  client.socket.send('12345678901')
  t.equal((await client.closed).code, 1009, 'of the second call')

  const second = createServer(ServerProtocol.WEBSOCKET).withOptions({ port, host: '127.0.0.1' })
  await t.rejects(second.listen(), { code: 'EADDRINUSE' }, 'the port of the options')
})

t.test('LC25: HTTP and WebSocket on one port and path: a page is no answer to a handshake', async (t) => {
  const verb = new VerbUnderTest(t, { message: (ws, message) => ws.send(`Server received: ${message}`) })
  verb.app.get('/', (_request, response) => response.html('<p>x</p>'.repeat(10_000)))
  verb.app.get('/private', (_request, response) => response.status(403).end())
  await verb.listen()
  const page = await fetch(verb.http)
  t.equal((await page.text()).length, 80_000)
  for (const path of ['/', '/no/route']) {
    const client = await verb.connect(path)
    client.socket.send('hi')
    t.equal(await client.nextText(), 'Server received: hi')
  }
  t.equal((await verb.open({ path: '/private' })).response.status, 403, 'but a refusal is one')
})

t.test('LC25: without handlers the routes are all there is', async (t) => {
  const verb = new VerbUnderTest(t)
  verb.app.get('/', (_request, response) => response.html('page'))
  await verb.listen()
  const client = await verb.open()
  t.equal(client.response.status, 200)
  client.end()
  await client.waitClosed()
  t.equal(client.body.toString(), 'page')
  t.equal((await verb.open({ path: '/none' })).response.status, 404)
})

t.test(
  'LC26 EV15 EV16 EV18: async handlers: messages wait for open, a rejection is an error of that socket',
  async (t) => {
    const opened = deferred<void>()
    const errors: string[] = []
    const verb = new VerbUnderTest(t, {
      open: async (ws) => {
        ws.send('hello')
        await opened.promise
        ws.send('open')
      },
      message: async (ws, message) => {
        await new Promise(setImmediate)
        if (message === 'fail') throw new Error('as asked')
        ws.send(`got ${message}`)
      },
      error: (ws, error) => {
        errors.push(`${(ws as VerbSocket).readyState} ${error.message}`)
        ws.send('failed')
      },
    })
    await verb.listen()
    const client = await verb.connect()
    t.equal(await client.nextText(), 'hello')
    client.socket.send('1')
    client.socket.send('fail')
    opened.resolve()
    t.equal(await client.nextText(), 'open')
    t.same([await client.nextText(), await client.nextText()].sort(), ['failed', 'got 1'])
    t.same(errors, ['1 as asked'])
    client.socket.send('2')
    t.equal(await client.nextText(), 'got 2')
  },
)

t.test('EV17 CO34: close tells code and reason, whoever closes', async (t) => {
  const closes: [number, string][] = []
  const verb = new VerbUnderTest(t, {
    message: (ws, message) => ws.close(Number(message), 'as you say'),
    close: (_ws, code, reason) => {
      closes.push([code, reason])
    },
  })
  await verb.listen()
  for (const code of [1008, 1013, 1002, 1001]) {
    const client = await verb.connect()
    client.socket.send(String(code))
    t.same(await client.closed, { code, reason: 'as you say' })
  }
  await (await verb.connect()).close(4000, 'bye')
  await verb.empty()
  t.same(closes, [...[1008, 1013, 1002, 1001].map((code) => [code, 'as you say']), [4000, 'bye']])
})

t.test('CO33 CO42: text is a string and binary a Buffer, both ways', async (t) => {
  const verb = new VerbUnderTest(t, {
    message: (ws, message) => {
      ws.send(
        (message as unknown) instanceof Buffer ? Buffer.concat([message as Buffer, Buffer.from('!')]) : `${message}?`,
      )
    },
  })
  await verb.listen()
  const client = await verb.connect()
  client.socket.send('grüße')
  t.same(await client.next(), { data: Buffer.from('grüße?'), isBinary: false })
  client.socket.send(Buffer.from([0, 255]))
  t.same(await client.next(), { data: Buffer.from([0, 255, 33]), isBinary: true })
})

t.test('CO37 CO38 CO39 CO40 FV05: what a socket knows of its request, and properties of the application', async (t) => {
  const closed = deferred<number>()
  const verb = new VerbUnderTest(t, {
    protocols: ['chat'],
    verifyClient: ({ headers }) => ({ accept: true, user: headers.authorization?.replace('Bearer ', '') }),
    open: (ws) => {
      ws.visits = 1
      ws.send(
        JSON.stringify([ws.readyState === 1, ws.data, ws.protocol, ws.headers['x-test'], ws.headers.authorization]),
      )
    },
    message: (ws) => {
      ws.visits = (ws.visits as number) + 1
      ws.send(String(ws.visits))
    },
    close: (ws) => closed.resolve(ws.readyState),
  })
  await verb.listen()
  const client = await verb.connect('/', ['x', 'chat'], { 'X-Test': 'yes', Authorization: 'Bearer abc' })
  t.same(await client.nextJson(), [true, { user: 'abc' }, 'chat', 'yes', 'Bearer abc'])
  client.socket.send('')
  t.equal(await client.nextText(), '2')
  await client.close()
  t.equal(await closed.promise, 3)
})

t.test('CO41: bad JSON is answered by the handler, not by the server', async (t) => {
  const verb = new VerbUnderTest(t, {
    message: (ws, message) => {
      try {
        const { type } = JSON.parse(String(message)) as { type: string }
        ws.send(JSON.stringify({ type: 'error', message: `Unknown message type: ${type}` }))
      } catch {
        ws.send(JSON.stringify({ error: 'Invalid JSON' }))
      }
    },
  })
  await verb.listen()
  const client = await verb.connect()
  client.socket.send('{')
  t.same(await client.nextJson(), { error: 'Invalid JSON' })
  client.socket.send('{"type":"dance"}')
  t.same(await client.nextJson(), { type: 'error', message: 'Unknown message type: dance' })
})

t.test('EV20 BP02: drain once everything is written after send returned false', async (t) => {
  const full = deferred<VerbSocket>()
  let drains = 0
  const verb = new VerbUnderTest(t, {
    maxBackpressure: 64 * 1024,
    message: async (ws) => {
      while (ws.send(Buffer.alloc(64 * 1024))) await new Promise(setImmediate)
      full.resolve(ws)
    },
    drain: (ws) => {
      drains++
      ws.send('drained')
    },
  })
  await verb.listen()
  const client = await verb.connect()
  client.socket.pause()
  client.socket.send('go')
  await full.promise
  t.equal(drains, 0)
  client.socket.resume()
  while ((await client.next()).isBinary);
  t.equal(drains, 1)
})

t.test('FV04: the HTTP side: query, params, body, json, status, html, sendFile, put, delete, use', async (t) => {
  const verb = new VerbUnderTest(t)
  const folder = mkdtempSync('verb-')
  t.teardown(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'page.html'), '<title>file</title>')
  verb.app
    .post('/items/:id', (request, response) => {
      response.json({ id: request.params.id, q: request.query.q, body: request.body as unknown })
    })
    .put('/items', (_request, response) => {
      response.status(201).send('made')
    })
    .delete('/items', (_request, response) => {
      response.sendStatus(204)
    })
    .patch('/items', (_request, response) => {
      response.send('patched')
    })
    .use('/mounted', (_request, response) => {
      response.set('X-Mounted', 'yes').html('<b>mounted</b>')
    })
    .get('/file', (_request, response) => {
      response.sendFile(`./${relative('.', folder)}/page.html`)
    })
    .get('/above', (_request, response, next) => {
      response.sendFile('../../etc/passwd', (error) => next(error))
    })
  await verb.listen()
  const post = (type: string, body: string): Promise<Response> =>
    fetch(`${verb.http}/items/7?q=x`, { method: 'POST', headers: { 'Content-Type': type }, body })
  t.same(await (await post('application/json', '{"a":1}')).json(), { id: '7', q: 'x', body: { a: 1 } })
  t.same(await (await post('application/x-www-form-urlencoded', 'a=1')).json(), { id: '7', q: 'x', body: { a: '1' } })
  t.equal((await post('application/json', '{')).status, 400)
  t.equal((await post('application/json', `"${'x'.repeat(110_000)}"`)).status, 413)
  for (const [method, status] of [
    ['PUT', 201],
    ['DELETE', 204],
    ['PATCH', 200],
    ['GET', 404],
  ] as const) {
    t.equal((await fetch(`${verb.http}/items`, { method })).status, status, method)
  }
  const mounted = await fetch(`${verb.http}/mounted`)
  t.same([mounted.headers.get('x-mounted'), await mounted.text()], ['yes', '<b>mounted</b>'])
  t.equal(await (await fetch(`${verb.http}/file`)).text(), '<title>file</title>')
  t.equal((await fetch(`${verb.http}/above`)).status, 403)
})
