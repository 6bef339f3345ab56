import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import type { Handler } from '../../src/index.ts'
import { type ClientOptions, EngineUnderTest, nextText } from '../fixtures/engine-under-test.ts'
import onMain from '../fixtures/handlers/session.handler.ts'
import { eventually } from '../fixtures/journal.ts'
import { drop, nextReport, openSession, order } from '../fixtures/session-client.ts'

const THERE = new URL('../fixtures/handlers/session.handler.js', import.meta.url)
const CLAIMS = 10
const as = (user: string): ClientOptions => ({ headers: { 'X-User': user } })

for (const [name, handler] of [
  ['on main', onMain as Handler],
  ['in shards', THERE],
] as const) {
  const start = (t: Test, ttlMs = 60_000): Promise<EngineUnderTest> =>
    EngineUnderTest.start(t, {
      shards: 3,
      placement: 'round-robin',
      handler,
      sessions: { ttlMs },
      verifyClient: ({ headers }) => ({ user: { id: headers['x-user'] ?? 'nobody' } }),
    })

  for (const state of ['waits', 'is in use'] as const) {
    t.test(`row 63: ten claims at once across shards, one winner: ${name}, the session ${state}`, async (t) => {
      const engine = await start(t)
      const first = await openSession(engine)
      await nextReport(first.client)
      await order(first.client, 'join red')
      await order(first.client, 'note one')
      if (state === 'waits') await drop(engine, first.client, 1)
      const claims = await Promise.all(Array.from({ length: CLAIMS }, () => openSession(engine, first.token)))
      const reports = await Promise.all(claims.map(({ client }) => nextReport(client)))
      t.equal(claims.filter(({ recovered }) => recovered).length, 1)
      const won = reports.filter(({ recovered }) => recovered)
      t.match(won, [{ rooms: ['red'], data: { note: 'one' } }])
      t.equal(new Set(claims.map(({ token }) => token)).size, CLAIMS)
      t.match(engine.server.stats(), { reconnections: 1, sessions: { held: 0, refused: CLAIMS - 1 } })
      if (state === 'is in use') t.equal((await first.client.answerClose())[0], 4409)
      await eventually('it is a member once', () => engine.server.rooms.size('red') === 1)
    })
  }

  t.test(`row 63: guessed, malformed, replayed, another user's, another path's: nothing: ${name}`, async (t) => {
    const engine = await start(t)
    const first = await openSession(engine, undefined, as('ada'))
    await nextReport(first.client)
    await order(first.client, 'note one')
    await drop(engine, first.client, 1)
    let refused = 0
    const assertRefused = async (token: string, options: ClientOptions, why: string): Promise<void> => {
      const { client, recovered } = await openSession(engine, token, options)
      t.match([recovered, await nextReport(client)], [false, { recovered: false, rooms: [], data: {} }], why)
      t.match(engine.server.stats(), { sessions: { refused: ++refused } }, why)
    }
    await assertRefused(first.token, as('eve'), "another user's")
    await assertRefused(first.token, { ...as('ada'), path: '/other' }, "another path's")
    await assertRefused(randomBytes(16).toString('base64url'), as('ada'), 'guessed')
    await assertRefused(`${first.token}x`, as('ada'), 'too long by one')
    await assertRefused('x'.repeat(8000), as('ada'), 'far too long')
    await assertRefused('!', as('ada'), 'malformed')
    const two = `shardws.session, shardws.resume.${first.token}, shardws.resume.b`
    const several = { 'Sec-WebSocket-Protocol': two, 'X-User': 'ada' }
    await assertRefused('', { headers: several }, 'several')

    const second = await openSession(engine, first.token, { ...as('ada'), path: '/?other=query' })
    t.equal(second.recovered, true, 'and its own user has lost nothing')
    await nextText(second.client)
    await assertRefused(first.token, as('ada'), 'replayed')
    t.match(engine.server.stats(), { reconnections: 1, sessions: { held: 0 } })
  })

  t.test(`row 63: an expired token is worth nothing: ${name}`, async (t) => {
    const engine = await start(t, 10)
    const { client, token } = await openSession(engine)
    await nextReport(client)
    client.destroy()
    await eventually('it has expired', () => engine.server.stats().sessions.expired === 1)
    t.equal((await openSession(engine, token)).recovered, false)
    t.match(engine.server.stats(), { reconnections: 0, sessions: { held: 0, bytes: 0, refused: 1 } })
  })
}
