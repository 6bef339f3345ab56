import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import type { Handler } from '../../src/index.ts'
import { type ClientOptions, EngineUnderTest, nextText, sendText } from '../fixtures/engine-under-test.ts'
import onMain from '../fixtures/handlers/session.handler.ts'
import { eventually } from '../fixtures/journal.ts'
import { drop, nextReport, openSession, order } from '../fixtures/session-client.ts'

const THERE = new URL('../fixtures/handlers/session.handler.js', import.meta.url)
const ON_MAIN = { shards: 1, handler: onMain as Handler }
const IN_SHARDS = { shards: 1, handler: THERE }
const NEW = { recovered: false, rooms: [], data: {} }

t.test('the session outlives its shard: rooms as of then, data as of `open`', async (t) => {
  const engine = await EngineUnderTest.start(t, { sessions: true, ...IN_SHARDS })
  const first = await openSession(engine)
  await nextReport(first.client)
  await order(first.client, 'note one')
  await drop(engine, first.client, 1)
  const second = await openSession(engine, first.token)
  await nextReport(second.client)
  await order(second.client, 'note two')
  await order(second.client, 'join red')
  await eventually('main knows', () => engine.server.rooms.size('red') === 1)
  sendText(second.client, 'die')
  await second.client.waitClosed()
  await eventually('it waits', () => engine.server.stats().sessions.held === 1)
  const third = await openSession(engine, second.token)
  t.same(await nextReport(third.client), { recovered: true, rooms: ['red'], data: { note: 'one' } })
})

t.test('what main closes for good is over at once, however long its shard stands still', async (t) => {
  const engine = await EngineUnderTest.start(t, { sessions: true, shards: 2, stallMs: 200, killMs: 0, handler: THERE })
  const { client, token } = await openSession(engine)
  await nextReport(client)
  const [id = ''] = engine.server.getConnections()
  sendText(client, 'block 1500')
  await engine.journal.shardEvent('stalled')
  engine.server.close(id, 4401)
  t.equal((await openSession(engine, token)).recovered, false)
  client.destroy()
  await engine.journal.closeOf(id)
  t.equal(engine.server.stats().sessions.held, 0)
})

t.test('the session moves with its connection', async (t) => {
  const engine = await EngineUnderTest.start(t, { sessions: true, ...IN_SHARDS })
  const first = await openSession(engine)
  await nextReport(first.client)
  await order(first.client, 'note one')
  await order(first.client, 'join red')
  await engine.server.reload()
  t.same(await order(first.client, 'note two'), { recovered: false, rooms: ['red'], data: { note: 'two' } })
  await drop(engine, first.client, 1)
  const second = await openSession(engine, first.token)
  await nextReport(second.client)
  await engine.server.reload()
  t.same(await order(second.client, 'show'), { recovered: true, rooms: ['red'], data: { note: 'two' } })
})

t.test('subprotocols of the application come first, and the token is seen by nobody', async (t) => {
  const seen: unknown[] = []
  const engine = await EngineUnderTest.start(t, {
    sessions: true,
    shards: 0,
    protocols: ['chat'],
    verifyClient: ({ headers, rawHeaders }) => seen.push(headers, rawHeaders) > 0,
  })
  engine.server.on('connection', (_id, request) => seen.push(request))
  const offer = (names: string): ClientOptions => ({ headers: { 'Sec-WebSocket-Protocol': names } })
  const chosen = async (names: string): Promise<string | undefined> => {
    const { client } = await openSession(engine, undefined, offer(names))
    return client.response.headers.get('sec-websocket-protocol')?.join()
  }
  t.equal(await chosen('shardws.session, shardws.resume.SECRET, chat'), 'chat')
  t.equal(await chosen('shardws.session, shardws.resume.SECRET, other'), 'shardws.session')
  t.notMatch(JSON.stringify(seen), /SECRET/)
  t.equal(await engine.statusOf(offer('a, a')), 400)
})

t.test('requireProtocol means one of the application', async (t) => {
  const engine = await EngineUnderTest.start(t, {
    sessions: true,
    shards: 0,
    protocols: ['chat'],
    requireProtocol: true,
  })
  t.equal(await engine.statusOf({ headers: { 'Sec-WebSocket-Protocol': 'shardws.session' } }), 400)
  t.equal(await engine.statusOf({ headers: { 'Sec-WebSocket-Protocol': 'shardws.session, chat' } }), 101)
})

t.test('without the option the names mean nothing', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 0, handler: onMain as Handler })
  const client = await engine.open({ headers: { 'Sec-WebSocket-Protocol': 'shardws.session' } })
  t.notOk(client.response.headers.has('sec-websocket-protocol'))
  t.same(await nextReport(client), NEW)
  t.match(engine.server.stats(), { reconnections: 0, sessions: { held: 0, bytes: 0, refused: 0 } })
})

t.test('the greeting comes before whatever the application sends', async (t) => {
  const engine = await EngineUnderTest.start(t, { sessions: true, shards: 1 })
  engine.server.on('connection', (id) => {
    engine.server.send(id, 'from the listener')
    engine.server.broadcast('to all')
  })
  const { client } = await openSession(engine)
  t.same([await nextText(client), await nextText(client)], ['from the listener', 'to all'])
})

for (const [name, way] of [
  ['on main', ON_MAIN],
  ['in shards', IN_SHARDS],
] as const) {
  t.test(
    `${name}: with middleware and in-band authentication, only those who are let in get anything back`,
    async (t) => {
      const engine = await EngineUnderTest.start(t, {
        ...way,
        sessions: true,
        ...(name === 'in shards'
          ? { handler: new URL('../fixtures/handlers/session-gate.handler.js', import.meta.url) }
          : { auth: { mode: 'in-band', authenticate: (_socket, message) => ({ id: `${message}` }) } }),
      })
      engine.server.use(async (_socket, _request, next) => {
        await pause(1)
        next()
      })
      const first = await openSession(engine)
      sendText(first.client, 'ada')
      t.match(await nextReport(first.client), { recovered: false, data: { user: { id: 'ada' } } })
      await order(first.client, 'join red')
      await order(first.client, 'note one')
      await drop(engine, first.client, 1)

      const silent = await openSession(engine, first.token)
      t.equal(silent.recovered, true)
      await pause(20)
      t.equal(engine.server.rooms.size('red'), 0)
      await drop(engine, silent.client, 1)
      const second = await openSession(engine, silent.token)
      sendText(second.client, 'ada')
      const back = { recovered: true, rooms: ['red'], data: { user: { id: 'ada' }, note: 'one' } }
      t.same(await nextReport(second.client), back, 'what was not given back yet is not lost')
      await drop(engine, second.client, 1)

      const stolen = await openSession(engine, second.token)
      sendText(stolen.client, 'eve')
      t.same(await stolen.client.answerClose(), [1008, 'session of another user'])
      t.equal(engine.server.rooms.size('red'), 0)

      const unknown = await openSession(engine)
      unknown.client.destroy()
      await eventually('it has ended', () => engine.server.getConnections().length === 0)
      t.equal(engine.server.stats().sessions.held, 0, 'who was never let in leaves nothing')
    },
  )
}

t.test('a canJoin that takes its time is waited for before `open`', async (t) => {
  const engine = await EngineUnderTest.start(t, { sessions: true, shards: 0, canJoin: () => pause(5, true) })
  const reports: unknown[] = []
  engine.server.route('/', {
    open: ({ recovered, rooms }) => reports.push([recovered, [...rooms]]),
    message: async (socket, room) => {
      await socket.joinAsync(`${room}`)
      socket.send('joined')
    },
  })
  const first = await openSession(engine)
  sendText(first.client, 'red')
  await nextText(first.client)
  await drop(engine, first.client, 1)
  const { client } = await openSession(engine, first.token)
  sendText(client, 'blue')
  await nextText(client)
  t.same(reports, [
    [false, []],
    [true, ['red']],
  ])
})

t.test('a `connection` listener sees data and `recovered`; the rooms are joined after it', async (t) => {
  const engine = await EngineUnderTest.start(t, { sessions: true, shards: 0 })
  const told: string[] = []
  engine.server.on('connection', (id) => {
    const socket = engine.server.getConnection(id)
    told.push(`connection ${socket?.recovered} ${JSON.stringify(socket?.data)}`)
    if (!socket?.recovered) Object.assign(socket?.data as object, { note: 1 })
  })
  engine.server.on('room:join', (_id, room) => told.push(`join ${room}`))
  const first = await openSession(engine)
  const [id = ''] = engine.server.getConnections()
  engine.server.join(id, 'red')
  await drop(engine, first.client, 1)
  await openSession(engine, first.token)
  await eventually('joined', () => engine.server.rooms.size('red') === 1)
  t.same(told, ['connection false {}', 'join red', 'connection true {"note":1}', 'join red'])
})
