import t from 'tap'
import type { Handler } from '../../src/index.ts'
import onMain from '../fixtures/handlers/session.handler.ts'
import { eventually } from '../fixtures/journal.ts'
import { nextReport, openSession } from '../fixtures/session-client.ts'
import { assertReached, startLimited } from './limited-engine.ts'

const THERE = new URL('../fixtures/handlers/session.handler.js', import.meta.url)
const DROPS = 1000
const AT_ONCE = 50
const MAX = 100

for (const [name, shards, handler] of [
  ['on main', 0, onMain as Handler],
  ['in shards', 2, THERE],
] as const) {
  t.test(`row 68: a thousand drops leave no more sessions than max, the youngest: ${name}`, async (t) => {
    const limited = await startLimited(t, { shards, handler, sessions: { max: MAX } })
    const { server } = limited.engine
    let last = ''
    for (let dropped = 0; dropped < DROPS; dropped += AT_ONCE) {
      const batch = await Promise.all(Array.from({ length: AT_ONCE }, () => openSession(limited.engine)))
      await Promise.all(batch.map(({ client }) => nextReport(client)))
      for (const { client } of batch) client.destroy()
      await eventually('they have ended', () => server.getConnections().length === 0)
      last = batch.at(-1)?.token ?? ''
      t.ok(server.stats().sessions.held <= MAX)
    }
    const { sessions } = await assertReached(t, limited, 'sessions.max')
    t.match(sessions, { held: MAX, evicted: DROPS - MAX, expired: 0, unkept: 0 })
    t.ok(sessions.bytes < MAX * 1024, `${sessions.bytes} bytes`)
    t.equal((await openSession(limited.engine, last)).recovered, true)
  })

  t.test(`row 68: maxBytes bounds them too, and who comes too late is told: ${name}`, async (t) => {
    const limited = await startLimited(t, { shards, handler, sessions: { maxBytes: 5000 } })
    const { server } = limited.engine
    const first = await openSession(limited.engine)
    const clients = [first, ...(await Promise.all(Array.from({ length: 20 }, () => openSession(limited.engine))))]
    await Promise.all(clients.map(({ client }) => nextReport(client)))
    first.client.destroy()
    await eventually('the first waits', () => server.stats().sessions.held === 1)
    for (const { client } of clients) client.destroy()
    await eventually('all have ended', () => server.getConnections().length === 0)
    const { sessions } = await assertReached(t, limited, 'sessions.maxBytes')
    t.ok(sessions.bytes <= 5000 && sessions.bytes > 0)
    t.equal(sessions.held + sessions.evicted, clients.length)
    t.equal((await openSession(limited.engine, first.token)).recovered, false)
  })
}
