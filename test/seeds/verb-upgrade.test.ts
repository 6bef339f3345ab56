/** Document 004: WebSocket inside HTTP routes, by `res.upgrade()`. */
import { Router } from 'express'
import t from 'tap'
import type { VerbSocket, VerbWebSocketOptions } from '../../src/facades/verb.ts'
import { deferred } from '../fixtures/deferred.ts'
import { nextText, nextTexts, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { encodeFrame, RawOpcode } from '../fixtures/raw-frame.ts'
import { VerbUnderTest } from '../fixtures/verb-server.ts'

const encodeText = (payload: string): Buffer => encodeFrame({ opcode: RawOpcode.Text, payload })

const CONFIGURATIONS: readonly [name: string, options: VerbWebSocketOptions][] = [
  ['on main', { shards: 0 }],
  ['in a shard', { shards: 1, execArgv: [] }],
]

for (const [name, options] of CONFIGURATIONS) {
  t.test(`${name}: a route takes what the client sent with its handshake`, async (t) => {
    const verb = new VerbUnderTest(t, options)
    const decided = deferred<void>()
    verb.app.get('/chat/:room', async (_request, response) => {
      await decided.promise
      const ws = response.upgrade()
      ws.send('first')
      ws.join('room')
      ws.on('message', (message) => ws.send(`${ws.params.room}: ${message}`))
      ws.send('second')
    })
    await verb.listen()
    const opening = verb.open({
      path: '/chat/blue?x=1',
      behind: Buffer.concat([encodeText('early'), encodeText('bird')]),
    })
    decided.resolve()
    const client = await opening
    t.equal(client.response.status, 101)
    t.same(await nextTexts(client, 4), ['first', 'second', 'blue: early', 'blue: bird'])
    sendText(client, 'late')
    t.equal(await nextText(client), 'blue: late')
    t.equal(verb.app.websocket?.rooms.size('room'), 1)
  })
}

t.test('RT11 CO35 FV05: one path serves HTML to browsers and a socket to those that ask for WebSocket', async (t) => {
  const verb = new VerbUnderTest(t)
  const closed = deferred<[number, string]>()
  verb.app.get('/chat', (request, response) => {
    if (request.headers.upgrade !== 'websocket') return response.html('<h1>chat</h1>')
    const ws = response.upgrade()
    t.equal(ws.readyState, ws.CONNECTING)
    t.equal(ws.id, '')
    ws.nickname = 'ann'
    ws.on('message', (message) => ws.send(`${ws.nickname}: ${message}`))
    ws.on('close', (code, reason) => closed.resolve([code, reason]))
  })
  await verb.listen()
  const page = await fetch(`${verb.http}/chat`)
  t.equal(page.status, 200)
  t.match(page.headers.get('content-type'), 'text/html')
  t.equal(await page.text(), '<h1>chat</h1>')

  const client = await verb.connect('/chat')
  client.socket.send('hi')
  t.equal(await client.nextText(), 'ann: hi')
  await client.close(4001, 'bye')
  t.same(await closed.promise, [4001, 'bye'])
})

t.test(
  'RT12: a route that refuses answers over HTTP, with its status, headers and body, and there is no 101',
  async (t) => {
    const verb = new VerbUnderTest(t, { open: (ws) => ws.send('never') })
    verb.app.get('/notifications', (request, response) => {
      if (request.headers.upgrade === 'websocket' && request.query.userId !== undefined)
        response.upgrade().send('welcome')
      else response.status(400).set('X-Why', 'no user').json({ error: 'WebSocket upgrade required' })
    })
    verb.app.get('/large', (_request, response) => {
      response.status(403).send(Buffer.alloc(3_000_000, 'x'))
    })
    verb.app.get('/throws', () => {
      throw Object.assign(new Error('secret'), { status: 418 })
    })
    await verb.listen()

    const plain = await fetch(`${verb.http}/notifications`)
    t.same([plain.status, await plain.json()], [400, { error: 'WebSocket upgrade required' }])

    const refused = await verb.open({ path: '/notifications' })
    t.equal(refused.response.status, 400)
    t.same(refused.response.headers.get('x-why'), ['no user'])
    t.same(refused.response.headers.get('connection'), ['close'])
    refused.end()
    t.match(await refused.waitClosed(), { how: 'fin' })
    t.same(JSON.parse(refused.body.toString()), { error: 'WebSocket upgrade required' })

    const large = await verb.open({ path: '/large', behind: Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n') })
    t.equal(large.response.status, 403)
    large.end()
    t.match(await large.waitClosed(), { how: 'fin' })
    t.equal(large.body.length, 3_000_000, 'all of it, and nothing for the request behind it')

    const failed = await verb.open({ path: '/throws' })
    t.equal(failed.response.status, 418)
    t.notMatch(failed.body.toString(), 'secret')

    const client = await verb.connect('/notifications?userId=7')
    t.equal(await client.nextText(), 'welcome')
  },
)

t.test('RT12: res.upgrade() for a plain request answers 426', async (t) => {
  const verb = new VerbUnderTest(t)
  verb.app.get('/ws', (_request, response) => {
    response.upgrade()
  })
  await verb.listen()
  const response = await fetch(`${verb.http}/ws`)
  t.equal(response.status, 426)
  t.equal(response.headers.get('upgrade'), 'websocket')
})

t.test('RT13: a stream of the user that the query names', async (t) => {
  const verb = new VerbUnderTest(t)
  const streams = new Map<string, VerbSocket>()
  verb.app.get('/notifications', (request, response) => {
    const userId = String(request.query.userId)
    const ws = response.upgrade()
    streams.set(userId, ws)
    ws.on('close', () => streams.delete(userId))
  })
  await verb.listen()
  const ann = await verb.connect('/notifications?userId=ann')
  const bob = await verb.connect('/notifications?userId=bob')
  await eventually('both are open', () => [...streams.values()].every((ws) => ws.readyState === ws.OPEN))
  t.equal(streams.get('ann')?.query.userId, 'ann')
  t.equal(streams.get('ann')?.path, '/notifications')
  streams.get('bob')?.send('for bob')
  t.equal(await bob.nextText(), 'for bob')
  t.same(ann.unread(), [])
  await ann.close()
  await eventually('ann is gone', () => !streams.has('ann'))
})

t.test('middleware runs for upgrades: it may refuse, and what it leaves in res.locals is ws.data', async (t) => {
  const verb = new VerbUnderTest(t, { message: (ws) => ws.send(JSON.stringify(ws.data)) })
  verb.app.use(async (request, response, next) => {
    await new Promise(setImmediate)
    response.locals.token = request.query.token
    if (request.query.token === undefined) response.status(401).json({ error: 'who are you?' })
    else next()
  })
  verb.app.get('/room', (_request, response) => {
    const ws = response.upgrade()
    ws.on('message', () => ws.send(JSON.stringify(ws.data)))
  })
  verb.app.get('/own', (_request, response) => {
    const ws = response.upgrade({ data: { own: 1 } })
    ws.on('message', () => ws.send(JSON.stringify(ws.data)))
  })
  await verb.listen()
  t.equal((await verb.open({ path: '/room' })).response.status, 401)
  t.equal((await verb.open({ path: '/none' })).response.status, 401)
  for (const [path, data] of [
    ['/room?token=7', { token: '7' }],
    ['/none?token=8', { token: '8' }],
    ['/own?token=9', { own: 1 }],
  ] as const) {
    const client = await verb.connect(path)
    client.socket.send('?')
    t.same(await client.nextJson(), data)
  }
})

t.test('a mounted router upgrades, and the socket knows the whole path', async (t) => {
  const verb = new VerbUnderTest(t)
  const router = Router()
  router.get('/chat', (_request, response) => {
    const ws = (response as unknown as { upgrade(): VerbSocket }).upgrade()
    ws.on('message', () => ws.send(`${ws.path} ${verb.app.websocket?.getConnection(ws.id)?.path}`))
  })
  verb.app.use('/api', router)
  await verb.listen()
  const client = await verb.connect('/api/chat')
  client.socket.send('?')
  t.equal(await client.nextText(), '/api/chat /api/chat')
})

t.test('messages wait until the async handler of a route hears them or is done', async (t) => {
  const verb = new VerbUnderTest(t)
  const loaded = deferred<void>()
  verb.app.get('/slow', async (_request, response) => {
    const ws = response.upgrade()
    ws.send('ready')
    await loaded.promise
    ws.on('message', (message) => ws.send(`heard ${message}`))
    await new Promise(() => {})
  })
  await verb.listen()
  const client = await verb.connect('/slow')
  t.equal(await client.nextText(), 'ready')
  client.socket.send('1')
  client.socket.send('2')
  await eventually('the server has them', () => verb.app.stats()?.messagesReceived === 2)
  loaded.resolve()
  t.equal(await client.nextText(), 'heard 1')
  t.equal(await client.nextText(), 'heard 2')
})

t.test('what a route throws after it has upgraded arrives at error, and the connection stays', async (t) => {
  const verb = new VerbUnderTest(t)
  const errors: string[] = []
  verb.app.get('/:kind', (request, response) => {
    const ws = response.upgrade()
    ws.on('error', (error) => errors.push(error.message))
    ws.on('message', (message) => {
      if (message === 'throw') throw new Error('from a listener')
      ws.send('alive')
    })
    if (request.params.kind === 'sync') throw new Error('sync')
    return Promise.reject(new Error('async'))
  })
  await verb.listen()
  for (const kind of ['sync', 'async']) {
    const client = await verb.connect(`/${kind}`)
    client.socket.send('throw')
    client.socket.send('?')
    t.equal(await client.nextText(), 'alive')
    t.same(errors.splice(0), [kind, 'from a listener'])
  }
})

t.test(
  'caller mistakes throw: upgrade twice, after an answer, an answer after it, a protocol nobody offered',
  async (t) => {
    const verb = new VerbUnderTest(t)
    const codes: unknown[] = []
    const attempt = (call: () => unknown): void => {
      try {
        call()
        codes.push('nothing thrown')
      } catch (error) {
        codes.push((error as { code: string }).code)
      }
    }
    verb.app.get('/', (_request, response) => {
      attempt(() => response.upgrade({ protocol: 'chat' }))
      attempt(() => response.upgrade({ nothing: 1 } as object))
      const ws = response.upgrade({ protocol: 'b' })
      attempt(() => response.upgrade())
      attempt(() => response.json({}))
      attempt(() => ws.on('open' as 'message', () => {}))
      attempt(() => ws.send(7 as unknown as string))
      attempt(() => ws.close(1))
      ws.send('done')
    })
    await verb.listen()
    const client = await verb.connect('/', ['a', 'b'])
    t.equal(client.socket.protocol, 'b')
    t.equal(await client.nextText(), 'done')
    t.same(codes, Array(7).fill('ARGUMENT_INVALID'))
  },
)

t.test('what waits for the opening is bounded, and drain says when to go on', async (t) => {
  const verb = new VerbUnderTest(t, { maxBackpressure: 1000 })
  const results: boolean[] = []
  const drained = deferred<void>()
  verb.app.get('/', (_request, response) => {
    const ws = response.upgrade()
    ws.on('drain', () => drained.resolve())
    const bytes = Buffer.alloc(400, 'a')
    results.push(ws.send(bytes), ws.send(bytes), ws.send('x'.repeat(100)), ws.bufferedAmount >= 800)
    bytes.fill('b')
    ws.close(4000, 'enough')
    results.push(ws.send('closing'))
  })
  await verb.listen()
  const client = await verb.connect('/')
  t.same(results, [true, true, false, true, false])
  await drained.promise
  for (let i = 0; i < 2; i++) t.equal((await client.nextText()).replace(/a/g, ''), '', 'as they were when sent')
  t.same(await client.closed, { code: 4000, reason: 'enough' })
})
