import t from 'tap'
import { ClientElsewhere } from '../fixtures/clients-elsewhere.ts'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { connectTo, ENTRANCES, exchange, reach } from '../fixtures/entrances-under-test.ts'
import { moduleOf } from '../fixtures/handlers/ways.ts'
import { eventually } from '../fixtures/journal.ts'
import { upgradeRequest } from '../fixtures/raw-request.ts'

/** As long as a loaded machine may need for one handshake: nothing waits for its end. */
const BLOCKED_MS = 1500

for (const entrance of ENTRANCES.filter(({ options }) => options.accept === 'acceptor')) {
  const scheme = entrance.isSecure ? 'wss' : 'ws'
  t.test(entrance.name, async (t) => {
    for (const [path, name] of [
      ['/', 'moving'],
      ['/gate/accept', 'gate'],
    ] as const) {
      t.test(`a new connection is served while main is blocked: ${name}`, async (t) => {
        const engine = await EngineUnderTest.start(t, { ...entrance.options, shards: 1, handler: moduleOf('moving') })
        engine.server.route('/gate/:how', moduleOf('gate'))
        await engine.server.ready()
        const client = await ClientElsewhere.start(`${scheme}://127.0.0.1:${engine.port}${path}`)
        const [echo, wasBefore] = await client.connectWhileBlocked(BLOCKED_MS)
        t.equal(echo, name === 'gate' ? '[null,{},null]' : 'hello')
        t.ok(wasBefore, 'before main woke')
        // Main hears of it afterwards, whole.
        await eventually('it has ended', () => engine.journal.closes.length === 1)
        t.match(engine.journal.connections, [{ request: { url: path, ip: '127.0.0.1', params: {} } }])
        t.equal(engine.server.stats().totalConnections, 1)
        t.same(engine.server.getConnections(), [])
      })
    }

    t.test("a module's refusal needs no main, and is counted", async (t) => {
      const engine = new EngineUnderTest({ ...entrance.options, shards: 1, verifyTimeoutMs: 300 })
      t.teardown(() => engine.stop())
      engine.server.route('/gate/:how', moduleOf('gate'))
      await engine.listen()
      const answerTo = async (how: string): Promise<string> =>
        exchange(await reach(engine, entrance), upgradeRequest({}, { target: `/gate/${how}` }))
      t.match(await answerTo('refuse'), /^HTTP\/1\.1 401 /)
      t.match(await answerTo('refuse-later'), /^HTTP\/1\.1 401 /)
      t.match(await answerTo('status'), /^HTTP\/1\.1 403 .*X-Why: because\r\n.*not you$/s)
      t.match(await answerTo('never'), /^HTTP\/1\.1 503 /)
      t.match(await answerTo('throws'), /^HTTP\/1\.1 500 /)
      t.match(await answerTo('function'), /^HTTP\/1\.1 500 /)
      const counted = { UNAUTHORIZED: 3, VERIFY_TIMEOUT: 1, VERIFY_FAILED: 2 }
      await eventually('all are counted', () => engine.server.stats().rejected.total === 6)
      t.match(engine.server.stats().rejected.reasons, counted)
      const client = await connectTo(engine, entrance, '/gate/user?name=ann')
      t.match(await client.nextJson(), [{ name: 'ann' }])
      await eventually('main knows who it is', () => engine.journal.connections.length === 1)
      t.match(engine.journal.connections[0]?.request.user, { name: 'ann' })
    })

    t.test('middleware that is added later is asked, and a route that is added later is known', async (t) => {
      const engine = await EngineUnderTest.start(t, { ...entrance.options, shards: 1, handler: moduleOf('moving') })
      engine.server.route('/rooms/:room', moduleOf('thread'))
      await engine.server.ready()
      const client = await connectTo(engine, entrance, '/rooms/blue')
      t.match(await client.nextText(), /^on thread /)
      client.socket.send('hello')
      t.equal(await client.nextText(), 'hello undefined')
      engine.server.use((_socket, request, next) => {
        request.user = 'let in'
        next()
      })
      const next = await connectTo(engine, entrance)
      next.socket.send('who')
      t.match(await next.nextJson(), { user: 'let in' })
    })

    t.test('the addresses and rooms of connections that main has not let in', async (t) => {
      const engine = await EngineUnderTest.start(t, { ...entrance.options, shards: 2, handler: moduleOf('moving') })
      const clients = await Promise.all([1, 2, 3, 4].map(() => connectTo(engine, entrance)))
      await eventually('main knows their room', () => engine.server.rooms.size('everybody') === 4)
      engine.server.publish('everybody', 'from main')
      for (const client of clients) t.equal(await client.nextText(), 'from main')
      clients[0]?.socket.send('publish from a shard')
      for (const client of clients.slice(1)) t.equal(await client.nextText(), 'from a shard')
      const [id = ''] = engine.server.getConnections()
      t.equal(engine.server.send(id, 'to one'), true)
      engine.server.close(id, 4002)
      await eventually('one has ended', () => engine.journal.closes.length === 1)
      t.match(engine.journal.closes, [{ id, code: 4002 }])
    })
  })
}
