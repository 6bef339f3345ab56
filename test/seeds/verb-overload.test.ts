/** Document 004: the limit on connections, and what a pool counts. */
import t from 'tap'
import type { VerbWebSocketOptions } from '../../src/facades/verb.ts'
import { deferred } from '../fixtures/deferred.ts'
import { eventually } from '../fixtures/journal.ts'
import { VerbUnderTest } from '../fixtures/verb-server.ts'

t.test('ME24 EX41: overload http503: one connection too many gets no 101, and is counted', async (t) => {
  const verb = await new VerbUnderTest(t, { maxConnections: 2, open: () => {} }).listen()
  t.same(verb.app.getStats(), { total: 0, active: 0, rejected: 0 })
  const [first] = [await verb.connect(), await verb.connect()]
  const refused = await verb.open()
  t.equal(refused.response.status, 503)
  t.ok(refused.response.headers.has('retry-after'))
  t.same(verb.app.getStats(), { total: 2, active: 2, rejected: 1 })
  await first?.close()
  await eventually('one has left', () => verb.app.getStats().active === 1)
  await verb.connect()
  t.same(verb.app.getStats(), { total: 3, active: 2, rejected: 1 })
})

for (const [name, options] of [
  ['on main', { shards: 0 }],
  ['in a shard', { shards: 1, execArgv: [] }],
] as readonly [string, VerbWebSocketOptions][]) {
  t.test(`${name}: overload close1013`, async (t) => {
    const heard: string[] = []
    const routed = deferred<[number, string]>()
    const verb = new VerbUnderTest(t, {
      ...options,
      maxConnections: 1,
      overload: 'close1013',
      open: () => {
        heard.push('open')
      },
      message: () => {
        heard.push('message')
      },
      close: (_ws, code) => {
        heard.push(`close ${code}`)
      },
    })
    verb.app.get('/route', (_request, response) => {
      response.upgrade().on('close', (...args) => routed.resolve(args))
    })
    await verb.listen()
    const first = await verb.connect()
    for (const path of ['/', '/route']) {
      const second = await verb.connect(path)
      second.socket.send('let me in')
      t.same(await second.closed, { code: 1013, reason: 'Server overloaded' })
    }
    t.same(await routed.promise, [1013, 'Server overloaded'])
    t.same(heard, ['open'], 'handlers hear only of the first')
    t.same(verb.app.getStats(), { total: 1, active: 1, rejected: 2 })
    await first.close(4000)
    await verb.empty()
    t.same(heard, ['open', 'close 4000'])
    const third = await verb.connect()
    third.socket.send('hello')
    await eventually('it is heard', () => heard.at(-1) === 'message')
  })
}

t.test('EX41: with close1013 those on their way out are bounded too', async (t) => {
  const verb = await new VerbUnderTest(t, { maxConnections: 1, overload: 'close1013', open: () => {} }).listen()
  await verb.connect()
  // Raw clients do not answer the close frame: each keeps its place for a while.
  const clients = await Promise.all(Array.from({ length: 130 }, () => verb.open()))
  const statuses = clients.map(({ response }) => response.status).sort()
  t.equal(statuses.filter((status) => status === 101).length, 128)
  t.same(statuses.slice(-2), [503, 503])
})
