import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import type { Middleware, Socket, WebSocketServerOptions } from '../../src/index.ts'
import { type Deferred, deferred } from '../fixtures/deferred.ts'
import { EngineUnderTest, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { RawClient } from '../fixtures/raw-client.ts'
import { encodeFrame, RawOpcode } from '../fixtures/raw-frame.ts'

const COUNT = 1000

async function closeOf(client: RawClient): Promise<[number | undefined, string]> {
  const { payload } = await client.closeFrame()
  client.sendFrame({ opcode: RawOpcode.Close, payload })
  const { closeCode, reason } = await client.waitClosed()
  return [closeCode, reason]
}

async function sendNumbered(client: RawClient, count: number): Promise<void> {
  const frames = Array.from({ length: count }, (_, number) =>
    encodeFrame({ opcode: RawOpcode.Text, payload: `${number}` }),
  )
  await client.sendChopped(Buffer.concat(frames), 16 * 1024)
}

async function isNumbered(client: RawClient, count: number): Promise<boolean> {
  for (let number = 0; number < count; number++) if ((await nextText(client)) !== `${number}`) return false
  return true
}

const echo = { message: (socket: Socket, message: string | Buffer) => void socket.send(message) }

for (const shards of [0, 2]) {
  const name = `shards: ${shards}`
  const start = (test: Parameters<typeof EngineUnderTest.start>[0], options: WebSocketServerOptions = {}) =>
    EngineUnderTest.start(test, { shards, ...options })

  t.test(`AU09 AU11 AU13 AU14 in the order of use, before the handler: ${name}`, async (t) => {
    const engine = await start(t)
    const told: string[] = []
    engine.server.use((socket, request, next) => {
      told.push(`first ${socket.id === engine.journal.connections[0]?.id} ${request.ip} ${request.remoteAddress}`)
      next()
    })
    engine.server.use(async (_socket, { query }, next) => {
      await pause(5)
      told.push(`second ${query.token}`)
      next()
    })
    engine.server.route('/', (socket) => {
      told.push('handler')
      socket.send('welcome')
    })
    const { client } = await engine.join({ path: '/?token=7' })
    t.equal(await nextText(client), 'welcome')
    t.same(told, ['first true 127.0.0.1 127.0.0.1', 'second 7', 'handler'])
  })

  for (const [what, middleware, code, reason] of [
    ['closes', (socket) => socket.close(1008, 'Authentication required'), 1008, 'Authentication required'],
    ['closes with a code of its own', async (socket) => socket.close(4401, 'expired'), 4401, 'expired'],
    ['closes and calls next', (socket, _request, next) => [socket.close(1008, 'no'), next()], 1008, 'no'],
    ['returns false', () => false, 1008, 'refused'],
    ['is fulfilled with false', async () => false, 1008, 'refused'],
  ] as const satisfies readonly (readonly [string, Middleware, number, string])[]) {
    t.test(`AU02 AU12 AU21 middleware that ${what} refuses: ${name}`, async (t) => {
      const engine = await start(t)
      let entered = 0
      engine.server.use(middleware)
      engine.server.use((_socket, _request, next) => {
        entered++
        next()
      })
      engine.server.route('/', { open: () => entered++, message: () => entered++ })
      const client = await engine.open({ path: '/' })
      sendText(client, 'not heard')
      t.same(await closeOf(client), [code, reason])
      await engine.journal.until('close', () => engine.journal.closes[0])
      t.match(engine.journal.closes, [{ code }])
      t.same([entered, engine.journal.messages.length, engine.journal.errors.length], [0, 0, 0])
    })
  }

  for (const [what, middleware] of [
    [
      'throws',
      () => {
        throw new Error('broken')
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('broken')
      },
    ],
    [
      'rejects later',
      async () => {
        await pause(5)
        throw new Error('broken')
      },
    ],
    ['calls next with an error', (_socket, _request, next) => next(new Error('broken'))],
  ] as const satisfies readonly (readonly [string, Middleware])[]) {
    t.test(`AU11 middleware that ${what}: error and 1011: ${name}`, async (t) => {
      const engine = await start(t)
      const { server, journal } = engine
      let entered = 0
      server.use(middleware)
      server.route('/', { open: () => entered++, message: () => entered++ })
      const client = await engine.open({ path: '/' })
      sendText(client, 'not heard')
      t.same(await closeOf(client), [1011, 'middleware failed'])
      await journal.until('close', () => journal.closes[0])
      t.same(
        journal.errors.map(({ id, error }) => [id, error.message]),
        [[journal.connections[0]?.id, 'broken']],
      )
      t.same([entered, journal.messages.length, server.stats().errors.handler], [0, 0, 1])
    })
  }

  t.test(`AU11 middleware that never calls next: 1008 after middlewareTimeoutMs, counted: ${name}`, async (t) => {
    const engine = await start(t, { middlewareTimeoutMs: 100 })
    const { server, journal } = engine
    let release = (): void => {}
    server.use((_socket, _request, next) => {
      release = next
    })
    server.route('/', echo)
    const client = await engine.open({ path: '/' })
    sendText(client, 'not heard')
    t.same(await closeOf(client), [1008, 'middleware timeout'])
    release()
    await journal.until('close', () => journal.closes[0])
    t.match(journal.errors, [{ error: { code: 'MIDDLEWARE_TIMEOUT' } }])
    t.equal(server.stats().limits.middlewareTimeoutMs, 1)
    t.equal(journal.messages.length, 0)
  })

  t.test(`AU26 LC26 ${COUNT} messages for slow middleware and a slow open are held, in order: ${name}`, async (t) => {
    const engine = await start(t)
    const { server, journal } = engine
    const steps: Deferred<void>[] = [deferred(), deferred()]
    server.use(async (_socket, _request, next) => {
      await steps[0]?.promise
      next()
    })
    server.route('/', { open: () => steps[1]?.promise, ...echo })
    const { client, id } = await engine.join({ path: '/' })
    const neighbour = await engine.join({ path: '/?2' })
    const sent = sendNumbered(client, COUNT)
    await eventually('it is not read any more', () => server.stats().limits.maxUnprocessedMessages === 1)
    t.same([journal.texts(id).length, client.unread()], [0, []])
    steps[0]?.resolve(undefined)
    sendText(neighbour.client, 'held as well')
    await eventually('the second is in', () => neighbour.peer.messagesReceived === 1)
    t.same([journal.messages.length, client.unread()], [0, []], 'open has not settled')
    steps[1]?.resolve(undefined)
    t.ok(await isNumbered(client, COUNT), 'all, in order')
    await sent
    t.same(
      journal.texts(id),
      Array.from({ length: COUNT }, (_, number) => `${number}`),
    )
    t.equal(await nextText(neighbour.client), 'held as well')
    sendText(client, 'and on')
    t.equal(await nextText(client), 'and on')
  })

  t.test(`AU12 whose messages are held can be refused, and its close is answered: ${name}`, async (t) => {
    const engine = await start(t, { closeTimeoutMs: 10_000 })
    const { server, journal } = engine
    const verdict = deferred<boolean>()
    server.use(() => verdict.promise)
    const { client } = await engine.join()
    const sent = sendNumbered(client, COUNT)
    await eventually('it is not read any more', () => server.stats().limits.maxUnprocessedMessages === 1)
    verdict.resolve(false)
    await sent
    t.same(await closeOf(client), [1008, 'refused'])
    await journal.until('close', () => journal.closes[0])
    t.match(journal.closes, [{ code: 1008 }], 'not 1006: its close frame was read behind what it had sent')
    t.equal(journal.messages.length, 0)
  })

  t.test(`LC26 who has left meanwhile is heard all the same, its end last: ${name}`, async (t) => {
    const engine = await start(t)
    const { server, journal } = engine
    const steps: Deferred<void>[] = [deferred(), deferred()]
    const told: string[] = []
    server.use(async (_socket, _request, next) => {
      await steps[0]?.promise
      next()
    })
    server.route('/', {
      open: async (socket) => {
        told.push(`open ${socket.readyState}`)
        await steps[1]?.promise
      },
      message: (_socket, message) => void told.push(`message ${message}`),
      close: (_socket, code) => void told.push(`close ${code}`),
    })
    const { client, peer } = await engine.join({ path: '/' })
    sendText(client, 'last words')
    client.sendFrame({ opcode: RawOpcode.Close, payload: Buffer.from([0x03, 0xe8]) })
    await client.waitClosed()
    await eventually('it has left', () => peer.readyState === 3)
    t.same([told, journal.closes], [[], []])
    for (const step of steps) step.resolve(undefined)
    await journal.until('close', () => journal.closes[0])
    t.same(told, ['open 3', 'message last words', 'close 1000'])
  })

  t.test(`LC26 an open that never settles keeps no end to itself: ${name}`, async (t) => {
    const engine = await start(t, { middlewareTimeoutMs: 100 })
    const { journal } = engine
    engine.server.route('/', () => new Promise(() => {}))
    const { client, id } = await engine.join({ path: '/' })
    sendText(client, 'held')
    await pause(200)
    t.same([journal.messages, journal.closes], [[], []], 'it may take as long as it likes')
    client.destroy()
    await journal.closeOf(id)
    t.same(journal.texts(id), ['held'])
  })

  t.test(`LC26 shutdown waits for nobody's middleware: ${name}`, async (t) => {
    const engine = new EngineUnderTest({ shards, middlewareTimeoutMs: 0 })
    const { server, journal } = engine
    let opens = 0
    server.use((_socket, request, next) => (request.path === '/open' ? next() : new Promise(() => {})))
    server.route(['/open', '/wait'], () => {
      opens++
      return new Promise(() => {})
    })
    const { port } = await server.listen(0, '127.0.0.1')
    t.teardown(() => server.shutdown())
    const clients = await Promise.all(
      ['/open', '/wait', '/open', '/wait'].map((path) => RawClient.open({ port, path })),
    )
    await eventually('all are there', () => journal.connections.length === 4)
    for (const client of clients.slice(0, 2)) client.reset()
    await eventually('two have left', () => server.getConnections().length === 2)
    for (const client of clients) client.destroy()
    await server.shutdown({ deadlineMs: 1000 })
    t.equal(journal.closes.length, 4)
    t.equal(opens, 2)
  })

  t.test(`AU03 CO27 whom verifyClient or the middleware found is the socket's user: ${name}`, async (t) => {
    const engine = await start(t, {
      verifyClient: ({ url }) => (url === '/verified' ? { user: { name: 'v' } } : true),
    })
    engine.server.use((_socket, request, next) => {
      if (request.path === '/middleware') request.user = { name: 'm' }
      next()
    })
    engine.server.use((socket, request, next) => {
      if (request.path === '/socket') socket.user = { name: 's' }
      next()
    })
    engine.server.route('/:how', (socket, request) => {
      const { user } = socket.data as { user?: unknown }
      socket.send(JSON.stringify([socket.user ?? null, request.user ?? null, user ?? null]))
    })
    for (const [path, user] of [
      ['/verified', { name: 'v' }],
      ['/middleware', { name: 'm' }],
      ['/socket', { name: 's' }],
      ['/nobody', null],
    ] as const) {
      const { client } = await engine.join({ path })
      t.same(JSON.parse(await nextText(client)), [user, user, user], path)
    }
  })

  t.test(`AU25 auth in an asynchronous open: who is refused there is not heard: ${name}`, async (t) => {
    const engine = await start(t)
    const heard: string[] = []
    engine.server.route('/', {
      async open(socket, { query }) {
        await pause(20)
        if (query.token !== 'good') socket.close(1008, 'Authentication failed')
      },
      message: (_socket, message) => void heard.push(String(message)),
    })
    const bad = await engine.open({ path: '/?token=bad' })
    sendText(bad, 'bad')
    t.same(await closeOf(bad), [1008, 'Authentication failed'])
    const good = await engine.open({ path: '/?token=good' })
    sendText(good, 'good')
    await eventually('the good one', () => heard.length > 0)
    t.same(heard, ['good'])
  })
}

t.test('AU11 what is no middleware', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 0 })
  t.throws(() => engine.server.use({} as Middleware), {
    code: 'ARGUMENT_INVALID',
    message: 'middleware must be a function',
  })
})
