import type { Middleware } from '../../../src/index.ts'
import { deferred } from '../../fixtures/deferred.ts'
import { closeBody } from '../../fixtures/engine-under-test.ts'
import {
  type Controlled,
  control,
  type HandlerBehaviour,
  postedBy,
  postOf,
} from '../../fixtures/handlers/controlled.ts'
import { eventually } from '../../fixtures/journal.ts'

/** What the handler heard of a connection that was refused: at most its end. */
function openings(posted: readonly { event: string }[]): number {
  return posted.filter(({ event }) => event === 'open').length
}

async function refusal({ client }: Controlled): Promise<[number, string]> {
  const { payload } = await client.closeFrame()
  client.sendFrame({ opcode: 8, payload })
  return [payload.readUInt16BE(0), payload.toString('utf8', 2)]
}

export const middleware: HandlerBehaviour = (t, start, way) => {
  t.test('middleware on main lets a connection in: its user and its messages arrive', async (t) => {
    const engine = await start(t, {})
    const gate = deferred<void>()
    engine.server.use(async (socket, { query }, next) => {
      socket.user = { name: query.name, rights: new Set(['read']) }
      await gate.promise
      next()
    })
    const one = await control(engine, { path: '/?name=ann' })
    const orders = [one.order('describe'), one.order('thread'), one.order('describe')]
    await eventually('the messages are there', () => engine.server.stats().messagesReceived === 3)
    t.equal(openings(postedBy(engine.journal, one.id)), 0)
    gate.resolve()
    const user = { name: 'ann', rights: {} }
    t.match(await one.answer(orders[0]!), { user, data: { user } })
    for (const re of orders.slice(1)) await one.answer(re)
    await postOf(engine.journal, one.id, 'open')
    t.equal(openings(postedBy(engine.journal, one.id)), 1)
  })

  t.test('whom verifyClient has found, and middleware has learnt more of', async (t) => {
    const engine = await start(t, { verifyClient: () => ({ user: { name: 'ann' } }) })
    engine.server.use((socket, _request, next) => {
      Object.assign(socket.user as object, { role: 'admin' })
      next()
    })
    const one = await control(engine)
    const user = { name: 'ann', role: 'admin' }
    t.match(await one.ask('describe'), { user, data: { user } })
  })

  t.test('without middleware the user that open sets stays', async (t) => {
    const engine = await start(t)
    for (let count = 0; count < 10; count++) {
      const one = await control(engine)
      await one.ask('set', { user: 'me' })
      t.match(await one.ask('describe'), { user: 'me' })
    }
  })

  for (const [what, refuse, expected] of [
    ['returns false', () => false, [1008, 'refused']],
    ['closes', (socket) => socket.close(4010, 'go away'), [4010, 'go away']],
    [
      'throws',
      () => {
        throw new Error('no')
      },
      [1011, 'middleware failed'],
    ],
    ['calls next with an error', (_socket, _request, next) => next(new Error('no')), [1011, 'middleware failed']],
  ] satisfies [string, Middleware, [number, string]][]) {
    t.test(`middleware on main that ${what} keeps a connection out`, async (t) => {
      const engine = await start(t, {})
      engine.server.use(refuse)
      const one = await control(engine)
      one.order('thread')
      t.same(await refusal(one), expected)
      await engine.journal.closeOf(one.id)
      // A function has not been called, so it has no listeners.
      if (way.kind === 'function') return
      await postOf(engine.journal, one.id, 'close')
      t.same(
        postedBy(engine.journal, one.id)
          .map(({ event }) => event)
          .filter((event) => event !== 'error'),
        ['close'],
      )
    })
  }

  t.test('middleware on main that does not get on is given up', async (t) => {
    const engine = await start(t, { middlewareTimeoutMs: 100 })
    engine.server.use(() => {})
    const one = await control(engine)
    one.order('thread')
    t.same(await refusal(one), [1008, 'middleware timeout'])
    await engine.journal.closeOf(one.id)
    t.equal(openings(postedBy(engine.journal, one.id)), 0)
    t.equal(engine.server.stats().limits.middlewareTimeoutMs, 1)
  })

  t.test('a connection that has gone before it was let in: the handler hears of all of it', async (t) => {
    const engine = await start(t, {})
    const gate = deferred<void>()
    engine.server.use(async (_socket, _request, next) => {
      await gate.promise
      next()
    })
    const one = await control(engine)
    one.order('post', { value: 'from the grave' })
    one.client.sendFrame({ opcode: 8, payload: closeBody(4004) })
    await eventually('it has gone', () => engine.server.getConnection(one.id) === undefined)
    t.same(postedBy(engine.journal, one.id), [])
    gate.resolve()
    await postOf(engine.journal, one.id, 'close')
    t.same(
      postedBy(engine.journal, one.id).map(({ event }) => event),
      ['open', 'close'],
    )
    t.ok(engine.journal.posts.includes('from the grave'))
  })

  t.test('terminate while middleware runs', async (t) => {
    const engine = await start(t, {})
    engine.server.use((socket) => socket.terminate())
    const client = await engine.open()
    t.match(await client.waitClosed(), { closeFrameSeen: false })
    const { id } = await engine.journal.until('close', () => engine.journal.closes[0])
    if (way.kind !== 'function') t.match(await postOf(engine.journal, id, 'close'), [1006])
  })
}
