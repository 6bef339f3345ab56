import { nextText, sendText } from '../../fixtures/engine-under-test.ts'
import type { Behaviour } from './behaviour.ts'

export const listeners: Behaviour = (t, start) => {
  t.test('one that throws or rejects raises an error for that connection and nothing else', async (t) => {
    const engine = await start(t)
    const { server, journal } = engine
    const before = server.stats().errors.handler
    server.on('message', (id, message) => {
      if (message.toString() === 'throw') throw new Error('thrown')
      server.send(id, message, false)
    })
    server.on('message', async (_id, message) => {
      if (message.toString() === 'reject') throw new Error('rejected')
    })
    const [faulty, other] = await engine.joinMany(2)
    if (faulty === undefined || other === undefined) throw new Error('unreachable')
    for (const what of ['throw', 'reject']) {
      sendText(faulty.client, what)
      sendText(faulty.client, 'still here')
      sendText(other.client, 'undisturbed')
      if (what === 'reject') t.equal(await nextText(faulty.client), 'reject')
      t.equal(await nextText(faulty.client), 'still here')
      t.equal(await nextText(other.client), 'undisturbed')
    }
    await journal.until('both errors', () => journal.errors.length === 2 || undefined)
    t.same(
      journal.errors.map(({ id, error }) => [id, error.message]),
      [
        [faulty.id, 'thrown'],
        [faulty.id, 'rejected'],
      ],
    )
    t.same(journal.closes, [])
    t.equal(server.stats().errors.handler - before, 2)
  })

  t.test('also for the events connection and close', async (t) => {
    const engine = await start(t)
    engine.server.on('connection', () => {
      throw new Error('at connection')
    })
    engine.server.on('close', async () => {
      throw new Error('at close')
    })
    const { client, id } = await engine.join()
    engine.server.send(id, 'open all the same')
    t.equal(await nextText(client), 'open all the same')
    client.reset()
    await engine.journal.until('both errors', () =>
      engine.journal.errors.find(({ error }) => error.message === 'at close'),
    )
    const ofListeners = engine.journal.errors.filter(({ error }) => error.message.startsWith('at '))
    t.same(
      ofListeners.map((each) => [each.id, each.error.message]),
      [
        [id, 'at connection'],
        [id, 'at close'],
      ],
    )
  })

  t.test('an error listener that fails itself is not called for that again', async (t) => {
    const engine = await start(t)
    let calls = 0
    engine.server.on('message', () => {
      throw new Error('first')
    })
    engine.server.on('error', async () => {
      calls++
      // A test that fails should not take the process with it.
      if (calls < 20) throw new Error('second')
    })
    const { client, id } = await engine.join()
    sendText(client, 'go')
    await engine.journal.until('the error', () => engine.journal.errors[0])
    engine.server.send(id, 'and on')
    t.equal(await nextText(client), 'and on')
    t.equal(calls, 1)
  })

  t.test('without an error listener nothing ends', async (t) => {
    const engine = await start(t)
    const before = engine.server.stats().errors.handler
    engine.server.removeAllListeners('error')
    engine.server.on('message', (id, message) => {
      if (message.toString() === 'throw') throw new Error('unheard')
      engine.server.send(id, 'alive')
    })
    const { client } = await engine.join()
    sendText(client, 'throw')
    sendText(client, 'and?')
    t.equal(await nextText(client), 'alive')
    t.equal(engine.server.stats().errors.handler - before, 1)
  })
}
