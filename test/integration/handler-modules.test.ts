import t from 'tap'
import type { WebSocketServerOptions } from '../../src/index.ts'
import { EngineUnderTest, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { moduleOf } from '../fixtures/handlers/ways.ts'
import { eventually } from '../fixtures/journal.ts'
import { REPOSITORY } from '../fixtures/repository.ts'

const SCHEMA = { '~standard': { version: 1, vendor: 'test', validate: () => ({}) } } as const

async function echoes(engine: EngineUnderTest, path: string): Promise<string> {
  const client = await engine.open({ path })
  sendText(client, '{"n":1}')
  return nextText(client)
}

for (const shards of [0, 2]) {
  for (const [name, cause] of [
    ['does-not-exist', /Cannot find module/],
    ['throws-at-import', /no database/],
    ['exports-nothing', /its default export is no handler: handler must be/],
    ['exports-an-empty-object', /its default export is no handler: handler must be/],
  ] as const) {
    t.test(
      `shards: ${shards}, ${name}: ready() and listen() tell why, no shard dies, no port stays open`,
      async (t) => {
        const engine = new EngineUnderTest({ shards, handler: moduleOf(name) })
        t.teardown(() => engine.stop())
        const failure = { code: 'HANDLER_LOAD_FAILED', message: cause, cause: { message: cause } }
        await t.rejects(engine.server.listen(0, '127.0.0.1'), failure)
        await t.rejects(engine.server.ready(), { ...failure, message: new RegExp(`${name}\\.handler\\.js`) })
        t.equal(engine.server.address(), null)
        t.equal(engine.server.stats().shardDeaths, 0)
        t.same(
          engine.journal.shardEvents.map(({ kind }) => kind).filter((kind) => kind !== 'started'),
          [],
        )
      },
    )
  }

  t.test(`shards: ${shards}, a module for paths that cannot be added is not loaded`, async (t) => {
    const engine = await EngineUnderTest.start(t, { shards })
    engine.server.route('/taken', { message: () => {} })
    for (const path of ['no path', '/taken']) {
      t.throws(() => engine.server.route(path, moduleOf('throws-at-import')), { code: 'ARGUMENT_INVALID' })
    }
    await t.resolves(engine.server.ready())
  })

  t.test(`shards: ${shards}, a module that is added to a server that runs`, async (t) => {
    const engine = await EngineUnderTest.start(t, { shards })
    engine.server.route('/later', moduleOf('validated'))
    engine.server.route('/same', moduleOf('validated'))
    // A client that is there too early waits.
    t.equal(await echoes(engine, '/later'), 'valid {"n":1}')
    await engine.server.ready()
    t.equal(await echoes(engine, '/same'), 'valid {"n":1}')
  })

  t.test(`shards: ${shards}, a module that is added and cannot be loaded: 500 on its route only`, async (t) => {
    const engine = await EngineUnderTest.start(t, { shards, handler: moduleOf('validated') })
    engine.server.route('/broken', moduleOf('throws-at-import'))
    t.equal(await engine.statusOf({ path: '/broken' }), 500)
    await t.rejects(engine.server.ready(), { code: 'HANDLER_LOAD_FAILED', cause: { message: 'no database' } })
    t.equal(await engine.statusOf({ path: '/broken' }), 500)
    t.equal(engine.server.stats().rejected.reasons.HANDLER_LOAD_FAILED, 2)
    t.match(engine.journal.errors[0], { id: null, error: { code: 'HANDLER_LOAD_FAILED' } })
    t.equal(await echoes(engine, '/'), 'valid {"n":1}')
    t.equal(engine.server.stats().shardDeaths, 0)
  })
}

t.test('options of main that a module excludes are named, with the fix', async (t) => {
  for (const [name, options] of [
    ['canJoin', { canJoin: () => true }],
    ['validate', { validate: SCHEMA }],
  ] satisfies [string, WebSocketServerOptions][]) {
    const expected = { code: 'OPTION_INVALID', message: new RegExp(`options\\.${name} .* put ${name} into the module`) }
    t.throws(() => new EngineUnderTest({ ...options, handler: moduleOf('control') }), expected)
    const engine = new EngineUnderTest({ ...options, shards: 1 })
    t.teardown(() => engine.stop())
    t.throws(() => engine.server.route('/x', moduleOf('control')), expected)
    engine.server.route('/y', { message: () => {} })
  }
})

t.test('a handler that is none is named before anything is started', async (t) => {
  for (const handler of ['./chat.js', {}, { message: 'no' }, null]) {
    const expected = {
      code: 'OPTION_INVALID',
      message: /^options\.handler must be the URL of a module or a function or an object/,
    }
    t.throws(() => new EngineUnderTest({ handler: handler as never }), expected)
  }
  const unchecked = { message: () => {}, validate: { parse: () => {} } }
  t.throws(() => new EngineUnderTest({ handler: unchecked as never }), {
    code: 'OPTION_INVALID',
    message:
      'options.handler must be the URL of a module or an object whose validate is a schema of Standard Schema v1, got an object',
  })
})

t.test('a user that cannot be cloned: 500', async (t) => {
  const engine = await EngineUnderTest.start(t, {
    shards: 1,
    handler: moduleOf('validated'),
    verifyClient: ({ url }) => ({ user: url === '/clonable' ? { name: 'ann' } : { name: () => 'ann' } }),
  })
  t.equal(await engine.statusOf({ path: '/function' }), 500)
  t.match(engine.journal.errors[0], { id: null, error: { code: 'VERIFY_FAILED', cause: { code: 'ARGUMENT_INVALID' } } })
  t.equal(await engine.statusOf({ path: '/clonable' }), 101)
})

t.test('a user of the middleware that cannot be cloned: 1011', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 1, handler: moduleOf('validated') })
  engine.server.use((socket, _request, next) => {
    socket.user = { name: () => 'ann' }
    next()
  })
  const { client, id } = await engine.join()
  t.equal((await client.closeFrame()).payload.readUInt16BE(0), 1011)
  t.match(await engine.journal.until('error', () => engine.journal.errors[0]), {
    id,
    error: { code: 'ARGUMENT_INVALID' },
  })
})

t.test('what a shard knew is known to its replacement, and its members have left', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 2, handler: moduleOf('mortal') })
  const { server, journal } = engine
  server.state.set('early', 1)
  const joined = await engine.joinMany(4)
  for (const { client } of joined) {
    sendText(client, 'red')
    t.equal(await nextText(client), 'true')
  }
  await eventually('main knows', () => server.rooms.size('red') === 4)
  const left: string[] = []
  server.on('room:leave', (id) => left.push(id))
  const [dying, ...others] = joined
  const lost = joined.filter(({ peer }) => peer.shard === dying!.peer.shard)
  const survivor = others.find(({ peer }) => peer.shard !== dying!.peer.shard)!
  sendText(dying!.client, 'die')
  for (const { id } of lost) t.match(await journal.closeOf(id), { code: 1006 })
  t.same(left.sort(), lost.map(({ id }) => id).sort())
  t.equal(server.rooms.size('red'), 4 - lost.length)
  server.state.set('late', 2)
  await journal.until('replaced', () => journal.shardEvents.filter(({ kind }) => kind === 'started')[2])
  for (const { client } of [survivor, ...(await engine.joinMany(2))]) {
    server.broadcast('round')
    t.equal(await nextText(client), 'round')
    sendText(client, 'state')
    let text = await nextText(client)
    while (text === 'round') text = await nextText(client)
    t.equal(text, '{"early":1,"late":2}')
  }
})

t.test('a replacement that cannot load a module takes no connection, and its seat is left alone', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 2, handler: moduleOf('mortal') })
  const { server, journal } = engine
  const { client, id } = await engine.join()
  process.env.SHARDWS_TEST_BROKEN_HANDLER = '1'
  t.teardown(() => delete process.env.SHARDWS_TEST_BROKEN_HANDLER)
  sendText(client, 'die')
  await journal.closeOf(id)
  const statuses = await Promise.all(Array.from({ length: 8 }, () => engine.statusOf()))
  t.same(statuses, Array(8).fill(101))
  await journal.shardEvent('degraded')
  const causes = journal.shardEvents
    .filter(({ kind }) => kind === 'exited')
    .slice(1)
    .map(({ cause }) => String(cause))
  t.ok(causes.every((cause) => cause.includes('it cannot be loaded again')))
  t.equal(await engine.statusOf(), 101)
  t.equal(server.health().ready, true)
})

t.test('a reload with a module that cannot be loaded changes nothing', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 2, handler: moduleOf('validated') })
  const { client } = await engine.join()
  await t.rejects(engine.server.reload(moduleOf('throws-at-import')), {
    code: 'SHARD_START_FAILED',
    message: /no database/,
  })
  sendText(client, '{"n":2}')
  t.equal(await nextText(client), 'valid {"n":2}')
  t.equal(await echoes(engine, '/'), 'valid {"n":1}')
  t.equal(engine.server.stats().shardDeaths, 0)
})

const canStrip = Boolean((process.features as { typescript?: unknown }).typescript)
t.test('a module in TypeScript', { skip: !canStrip && 'this Node runs no TypeScript' }, async (t) => {
  const handler = new URL('test/fixtures/handlers/validated.handler.ts', REPOSITORY)
  const engine = await EngineUnderTest.start(t, { shards: 1, handler })
  t.equal(await echoes(engine, '/'), 'valid {"n":1}')
})
