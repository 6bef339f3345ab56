import { closeBody } from '../../fixtures/engine-under-test.ts'
import { control, controlMany, type HandlerBehaviour } from '../../fixtures/handlers/controlled.ts'
import { RawOpcode } from '../../fixtures/raw-frame.ts'

export const reaching: HandlerBehaviour = (t, start) => {
  t.test('a message to any connection by its id, wherever it is', async (t) => {
    const engine = await start(t)
    const clients = await controlMany(engine, 6)
    for (const [at, one] of clients.entries()) {
      for (const other of clients) t.equal(await one.ask('sendTo', { id: other.id, text: `from ${at}` }), true)
    }
    const expected = clients.map((_, at) => `from ${at}`)
    for (const each of clients) t.same((await each.nextMany(6)).sort(), expected)
  })

  t.test('no message to an id that is unknown, forged or of the past', async (t) => {
    const engine = await start(t)
    const [one, two, gone] = (await controlMany(engine, 3)) as [never, never, never] as Awaited<
      ReturnType<typeof controlMany>
    >
    const { id } = two!
    gone!.client.destroy()
    await engine.journal.closeOf(gone!.id)
    const [key] = id.split('-')
    const forged = [
      `${id}0`,
      ` ${id}`,
      `${key}`,
      `${key}-`,
      `${key}-0000000000`,
      `-${id}`,
      id.toUpperCase(),
      '',
      '-1-0',
    ]
    for (const wrong of ['nobody', gone!.id, '0-00000000', 'zzzzzzzzzzzzzzzz-0', ...forged]) {
      t.equal(await one!.ask('sendTo', { id: wrong, text: 'x' }), false, wrong)
      t.equal(await one!.ask('closeId', { id: wrong }), null, wrong)
    }
    t.equal(await one!.ask('sendTo', { id, text: 'still there' }), true)
    t.equal(await two!.next(), 'still there')
  })

  t.test('close of any connection by its id', async (t) => {
    const engine = await start(t)
    const clients = await controlMany(engine, 4)
    for (const { id, client } of clients.slice(1)) {
      await clients[0]!.ask('closeId', { id, code: 4002, reason: 'by a neighbour' })
      t.same((await client.closeFrame()).payload, closeBody(4002, 'by a neighbour'))
      client.sendFrame({ opcode: RawOpcode.Close, payload: closeBody(4002) })
      t.equal((await engine.journal.closeOf(id)).code, 4002)
    }
    clients[0]!.order('closeId', { id: clients[0]!.id, code: 999 })
    const { error } = await engine.journal.until('error', () => engine.journal.errors[0])
    t.equal(error.code, 'ARGUMENT_INVALID')
  })

  t.test('post hands main a clone, in order', async (t) => {
    const engine = await start(t)
    const { journal } = engine
    const one = await control(engine)
    t.equal(await one.ask('post', { value: { a: [1, null] } }), true)
    t.equal(await one.ask('postMap'), true)
    t.equal(await one.ask('post', { value: 'last' }), true)
    await journal.until('posts', () => (journal.posts.at(-1) === 'last' ? true : undefined))
    const [first, second] = journal.posts.slice(-3)
    t.same(first, { a: [1, null] })
    t.same(second, new Map([['bytes', Buffer.from('ab')]]))
    one.order('postFunction')
    const { error } = await journal.until('error', () => journal.errors[0])
    t.equal(error.code, 'ARGUMENT_INVALID')
  })

  t.test('state that main sets is seen by every handler', async (t) => {
    const engine = await start(t)
    const { state } = engine.server
    state.set('before', 1)
    const clients = await controlMany(engine, 3)
    /** Of a message of main's that arrives, what main did before has arrived. */
    const assertState = async (expected: object): Promise<void> => {
      engine.server.broadcast('round')
      for (const each of clients) {
        t.equal(await each.next(), 'round')
        t.same(await each.ask('state'), expected)
      }
    }
    await assertState({ before: 1 })
    state.set('later', { deep: ['x'] })
    state.set('before', 2)
    await assertState({ before: 2, later: { deep: ['x'] } })
    t.equal(state.delete('before'), true)
    await assertState({ later: { deep: ['x'] } })
    t.throws(() => state.set('function', () => {}), { code: 'ARGUMENT_INVALID' })
    state.clear()
    await assertState({})
  })

  t.test('main reaches the connections of handlers as all others', async (t) => {
    const engine = await start(t)
    const { server } = engine
    const clients = await controlMany(engine, 3)
    for (const { id } of clients) t.equal(server.send(id, 'to one'), true)
    t.equal(server.broadcast('to all', { except: clients[1]!.id }), true)
    const texts = [['to one', 'to all'], ['to one'], ['to one', 'to all']]
    for (const [at, each] of clients.entries()) t.same(await each.nextMany(texts[at]!.length), texts[at])
    const [one] = clients
    server.getConnection(one!.id)?.ping('by main')
    t.equal((await one!.client.nextControl()).payload.toString(), 'by main')
    server.close(one!.id, 4003, 'by main')
    t.same((await one!.client.closeFrame()).payload, closeBody(4003, 'by main'))
  })
}
