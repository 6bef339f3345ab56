import type { HandlerBehaviour } from '../../fixtures/handlers/controlled.ts'

export const upgrading: HandlerBehaviour = (t, start, way) => {
  if (way.kind === 'function') {
    t.pass('a function cannot decide')
    return
  }

  t.test('upgrade lets a client in', async (t) => {
    const engine = await start(t)
    for (const [path, user] of [
      ['/gate/accept', undefined],
      ['/gate/user?name=ann', { name: 'ann' }],
      ['/gate/later', ['later', '127.0.0.1']],
    ] as const) {
      const client = await engine.open({ path })
      t.equal(client.response.status, 101, path)
      const told = JSON.parse((await client.nextMessage()).payload.toString())
      t.same(told, user === undefined ? [null, {}, null] : [user, { user }, user])
    }
  })

  t.test('upgrade comes after verifyClient and knows whom that has found', async (t) => {
    const engine = await start(t, { verifyClient: () => ({ user: { id: 7 } }) })
    const client = await engine.open({ path: '/gate/accept' })
    t.match(JSON.parse((await client.nextMessage()).payload.toString()), [{ id: 7 }, { user: { id: 7 } }])
    const other = await engine.open({ path: '/gate/user?name=bob' })
    t.same(JSON.parse((await other.nextMessage()).payload.toString())[0], { name: 'bob', before: { id: 7 } })
  })

  t.test('upgrade refuses with the answer that it names', async (t) => {
    const engine = await start(t)
    const before = engine.server.stats()
    for (const [how, status, body] of [
      ['refuse', 401, /refused by verifyClient/],
      ['refuse-later', 401, /refused by verifyClient/],
      ['status', 403, /^not you$/],
    ] as const) {
      const client = await engine.open({ path: `/gate/${how}` })
      t.equal(client.response.status, status, how)
      await client.waitClosed()
      t.match(client.body.toString(), body)
      if (how === 'status') t.same(client.response.headers.get('x-why'), ['because'])
    }
    t.equal(await engine.statusOf({ path: '/gate/accepts' }), 101, 'accept wins over status')
    t.equal(engine.server.stats().rejected.total - before.rejected.total, 3)
  })

  t.test('upgrade that fails is 500, and an error of the server', async (t) => {
    const engine = await start(t)
    const { journal } = engine
    for (const how of ['throws', 'rejects']) {
      t.equal(await engine.statusOf({ path: `/gate/${how}` }), 500, how)
      await journal.until(`error of ${how}`, () => journal.errors.shift())
    }
    const isCloned = way.kind === 'module'
    t.equal(await engine.statusOf({ path: '/gate/function' }), isCloned ? 500 : 101, 'a user that cannot be cloned')
    if (isCloned) t.equal((await journal.until('error', () => journal.errors[0])).error.code, 'VERIFY_FAILED')
  })

  t.test('upgrade that never settles is 503', async (t) => {
    const engine = await start(t, { verifyTimeoutMs: 150 })
    const [never, accepted] = await Promise.all([
      engine.statusOf({ path: '/gate/never' }),
      engine.statusOf({ path: '/gate/later' }),
    ])
    t.same([never, accepted], [503, 101])
    t.equal(engine.server.stats().rejected.reasons.VERIFY_TIMEOUT, 1)
  })
}
