import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import type { Handler, Socket, WebSocketServerOptions } from '../../src/index.ts'
import { TWO_CONFIGURATIONS } from '../fixtures/configurations.ts'
import { deferred } from '../fixtures/deferred.ts'
import { EngineUnderTest, nextText, nextTexts, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import type { RawClient } from '../fixtures/raw-client.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'

async function closeOf(client: RawClient): Promise<[number | undefined, string]> {
  const { payload } = await client.closeFrame()
  client.sendFrame({ opcode: RawOpcode.Close, payload })
  const { closeCode, reason } = await client.waitClosed()
  return [closeCode, reason]
}

/** A client is whom it names behind 'I am '; asked about anything else it says so. */
async function authenticate(socket: Socket, message: string | Buffer): Promise<unknown> {
  await pause(1)
  const [, name] = /^I am (.+)$/.exec(`${message}`) ?? []
  if (name === undefined) return void socket.send('Authentication required')
  if (name === 'nobody') socket.close(4401, 'go away')
  return name === 'anybody' ? true : { name }
}

for (const { name, options } of TWO_CONFIGURATIONS) {
  t.test(name, async (t) => {
    const start = (test: Parameters<typeof EngineUnderTest.start>[0], more: WebSocketServerOptions = {}) =>
      EngineUnderTest.start(test, { ...options, ...more })

    t.test('AU26 until a client says who it is only authenticate hears it', async (t) => {
      const engine = await start(t, { auth: { mode: 'in-band', authenticate } })
      const told: string[] = []
      engine.server.use((_socket, _request, next) => {
        told.push('middleware')
        next()
      })
      engine.server.route('/', {
        open: ({ data }: Socket) => told.push(`open ${JSON.stringify(data)}`),
        message: (socket, message) => socket.send(`heard ${message}`),
      })
      const client = await engine.open({ path: '/' })
      for (const text of ['hello', 'I am ada', 'I am bob', 'news']) sendText(client, text)
      t.same(await nextTexts(client, 3), ['Authentication required', 'heard I am bob', 'heard news'])
      t.same(told, ['middleware', 'open {"user":{"name":"ada"}}'])
      t.same(
        engine.journal.messages.map(({ message }) => `${message}`),
        ['I am bob', 'news'],
      )
      const [socket] = engine.server.getConnections().map((id) => engine.server.getConnection(id))
      t.same(socket?.user, { name: 'ada' })
    })

    t.test('AU26 a handler’s own authenticate, without the option; true names nobody', async (t) => {
      const engine = await start(t)
      const handler: Handler = { authenticate, message: (socket, message) => socket.send(`heard ${message}`) }
      engine.server.route('/private', handler)
      engine.server.route('/public', { message: handler.message as NonNullable<Handler['message']> })
      const [guest, anybody] = [await engine.open({ path: '/public' }), await engine.open({ path: '/private' })]
      sendText(guest, 'hello')
      t.equal(await nextText(guest), 'heard hello')
      sendText(anybody, 'I am anybody')
      sendText(anybody, 'hello')
      t.equal(await nextText(anybody), 'heard hello')
      const sockets = engine.server.getConnections().map((id) => engine.server.getConnection(id))
      t.same(
        sockets.map((socket) => socket?.user),
        [undefined, undefined],
      )
    })

    t.test('AU26 who does not say who it is in time is closed with 1008', async (t) => {
      for (const auth of [{ authenticate, timeoutMs: 60 }, { timeoutMs: 60 }]) {
        const engine = await start(t, { auth })
        const client = await engine.open({ path: '/' })
        sendText(client, 'hello')
        t.same(await closeOf(client), [1008, 'authentication timeout'])
        await engine.journal.until('close', () => engine.journal.closes[0])
        t.match(engine.journal.errors, [{ error: { code: 'AUTH_TIMEOUT' } }])
        t.match(engine.server.stats(), {
          failures: { total: 1, reasons: { AUTH_TIMEOUT: 1 } },
          limits: { 'auth.timeoutMs': 1 },
        })
        t.same(engine.journal.messages, [])
      }
    })

    t.test('AU25 AU26 who is refused is not heard any more', async (t) => {
      const engine = await start(t, { auth: { authenticate } })
      let opened = 0
      engine.server.route('/', { open: () => opened++ })
      const client = await engine.open({ path: '/' })
      for (const text of ['I am nobody', 'I am ada', 'news']) sendText(client, text)
      t.same(await closeOf(client), [4401, 'go away'])
      await engine.journal.until('close', () => engine.journal.closes[0])
      t.same([opened, engine.journal.messages, engine.journal.errors], [0, [], []])
    })

    t.test('AU26 an authenticate that fails is an error, and 1008', async (t) => {
      const failing = [
        (_socket: Socket, message: unknown) => JSON.parse(String(message)),
        async (_socket: Socket, message: unknown) => JSON.parse(String(message)),
      ]
      for (const authenticate of failing) {
        const engine = await start(t, { auth: { authenticate } })
        const client = await engine.open({ path: '/' })
        sendText(client, '{')
        sendText(client, '{}')
        t.same(await closeOf(client), [1008, 'authentication failed'])
        await engine.journal.until('close', () => engine.journal.closes[0])
        t.equal(engine.journal.errors.length, 1)
        t.equal(engine.server.stats().errors.handler, 1)
        t.same(engine.journal.messages, [])
      }
    })

    t.test('AU26 who leaves before has left; who leaves while asked about is heard to the end', async (t) => {
      const verdict = deferred<boolean>()
      const engine = await start(t, { auth: { authenticate: () => verdict.promise } })
      const silent = await engine.join()
      silent.client.reset()
      t.match(await engine.journal.closeOf(silent.id), { code: 1006 })
      const asked = await engine.join()
      sendText(asked.client, 'I am ada')
      sendText(asked.client, 'news')
      asked.client.end()
      await eventually('it has ended', () => asked.peer.readyState !== asked.peer.OPEN)
      t.same(engine.journal.closesOf(asked.id), [])
      verdict.resolve(true)
      await engine.journal.closeOf(asked.id)
      t.same(engine.journal.texts(asked.id), ['news'])
    })
  })
}
