import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Handler, WebSocketServerOptions } from '../../src/index.ts'
import { EngineUnderTest, nextText, sendText } from '../fixtures/engine-under-test.ts'
import onMain from '../fixtures/handlers/session.handler.ts'
import { eventually } from '../fixtures/journal.ts'
import { drop, nextReport, openSession, order, sayClose } from '../fixtures/session-client.ts'

const THERE = new URL('../fixtures/handlers/session.handler.js', import.meta.url)
const WAYS: readonly (readonly [string, WebSocketServerOptions])[] = [
  ['on main', { shards: 0, handler: onMain as Handler }],
  ['in shards', { shards: 2, handler: THERE }],
  ['in shards that read the request', { shards: 1, handler: THERE, accept: 'raw' }],
]

const NEW = { recovered: false, rooms: [], data: {} }

for (const [name, way] of WAYS) {
  const start = (t: Test, options: WebSocketServerOptions = {}): Promise<EngineUnderTest> =>
    EngineUnderTest.start(t, { sessions: true, placement: 'round-robin', ...way, ...options })

  t.test(`${name}: rooms and data outlive a lost connection, under a new token each time`, async (t) => {
    const engine = await start(t)
    const first = await openSession(engine)
    t.match(first, { recovered: false, ttlMs: 120_000, token: /^[\w-]{22}$/ })
    t.equal(first.client.response.headers.get('sec-websocket-protocol')?.join(), 'shardws.session')
    t.same(await nextReport(first.client), NEW)
    await order(first.client, 'join red')
    await order(first.client, 'note one')
    await drop(engine, first.client, 1)
    t.equal(engine.server.rooms.size('red'), 0)

    const second = await openSession(engine, first.token)
    t.same([second.recovered, second.token === first.token], [true, false])
    t.same(await nextReport(second.client), { recovered: true, rooms: ['red'], data: { note: 'one' } })
    await eventually('main knows', () => engine.server.rooms.size('red') === 1)
    engine.server.publish('red', 'hello')
    t.equal(await nextText(second.client), 'hello')
    await order(second.client, 'note two')
    await drop(engine, second.client, 1)

    const late = await openSession(engine, first.token)
    t.same([late.recovered, await nextReport(late.client)], [false, NEW], 'a token is good once')
    const third = await openSession(engine, second.token)
    t.same(await nextReport(third.client), { recovered: true, rooms: ['red'], data: { note: 'two' } })
    const { reconnections, sessions } = engine.server.stats()
    t.match({ reconnections, sessions }, { reconnections: 2, sessions: { held: 0, bytes: 0, refused: 1 } })
  })

  t.test(`${name}: a claim ends the connection that has the session still, and frees its places`, async (t) => {
    const engine = await start(t, { maxRoomSize: 1 })
    const first = await openSession(engine)
    await nextReport(first.client)
    await order(first.client, 'join red')
    await order(first.client, 'note one')
    const second = await openSession(engine, first.token)
    t.same(await nextReport(second.client), { recovered: true, rooms: ['red'], data: { note: 'one' } })
    t.same(await first.client.answerClose(), [4409, 'resumed elsewhere'])
    await eventually('one is left', () => engine.server.getConnections().length === 1)
    t.match(engine.server.stats().sessions, { held: 0, refused: 0 })
  })

  if (way.accept === 'raw') continue

  t.test(`${name}: who leaves for good, or is sent away for good, has no session any more`, async (t) => {
    const engine = await start(t)
    let held = 0
    for (const code of [undefined, 1000, 1001]) {
      const { client } = await openSession(engine)
      sayClose(client, code)
      await client.waitClosed()
    }
    for (const code of [1000, 1008, 4401, 4403]) {
      const { client } = await openSession(engine)
      await nextReport(client)
      sendText(client, `close ${code}`)
      await client.closeFrame()
      // Whatever it answers.
      sayClose(client, 4000)
      await client.waitClosed()
    }
    await eventually('all have ended', () => engine.server.getConnections().length === 0)
    t.equal(engine.server.stats().sessions.held, 0)
    for (const code of [3999, 4408, 1012]) {
      const { client } = await openSession(engine)
      await nextReport(client)
      if (code === 3999) sayClose(client, code)
      else sendText(client, `close ${code}`)
      await client.closeFrame()
      client.destroy()
      held++
      await eventually(`${code}: ${held} wait`, () => engine.server.stats().sessions.held === held)
    }
  })

  t.test(`${name}: what main closes for good is over, though its client answers nothing`, async (t) => {
    const engine = await start(t)
    const { client, token } = await openSession(engine)
    await nextReport(client)
    const [id = ''] = engine.server.getConnections()
    engine.server.close(id, 4401)
    const again = await openSession(engine, token)
    t.equal(again.recovered, false)
    client.destroy()
    await engine.journal.closeOf(id)
    t.equal(engine.server.stats().sessions.held, 0)
  })

  t.test(`${name}: data over the limit, or that cannot be cloned, is not kept`, async (t) => {
    const engine = await start(t, { sessions: { maxDataBytes: 100 } })
    const end = async (text: string): Promise<void> => {
      const { client } = await openSession(engine)
      await nextReport(client)
      const [id = ''] = engine.server.getConnections()
      await order(client, text)
      client.destroy()
      await engine.journal.closeOf(id)
    }
    await end('burden 80')
    t.match(engine.server.stats().sessions, { held: 1, unkept: 0 })
    await end('burden 101')
    t.match(engine.server.stats().sessions, { held: 1, unkept: 1 })
    await end('spoil')
    t.match(engine.server.stats(), { sessions: { held: 1, unkept: 2 }, limits: { 'sessions.maxDataBytes': 2 } })
    t.match(engine.journal.errors.at(-1)?.error, { code: 'ARGUMENT_INVALID' })
  })

  t.test(`${name}: a room that is not for the client any more is refused and counted`, async (t) => {
    const engine = await start(t, { maxRoomSize: 1 })
    const first = await openSession(engine)
    await nextReport(first.client)
    await order(first.client, 'join red')
    await order(first.client, 'join blue')
    await drop(engine, first.client, 1)
    const other = await openSession(engine)
    await nextReport(other.client)
    await order(other.client, 'join red')
    await eventually('main knows', () => engine.server.rooms.size('red') === 1)
    const second = await openSession(engine, first.token)
    // Another shard's members are main's to count.
    await nextReport(second.client)
    await eventually('refused', () => engine.server.stats().refusedJoins.maxRoomSize === 1)
    const rooms = async () => `${(await order(second.client, 'show')).rooms}`
    while ((await rooms()) === 'blue,red') await pause(1)
    t.equal(await rooms(), 'blue')
  })

  t.test(`${name}: nobody else sees anything of it`, async (t) => {
    const engine = await start(t)
    const { client } = await engine.join()
    t.same(await nextReport(client), NEW)
    const old = await engine.open({ headers: { 'Sec-WebSocket-Protocol': 'shardws.resume.x' } })
    t.notOk(old.response.headers.has('sec-websocket-protocol'))
    t.same(await nextReport(old), NEW)
    t.match(engine.server.stats(), { reconnections: 0, sessions: { refused: 0 } })
  })
}
