import { closeBody, nextText, nextTexts, sendText } from '../../fixtures/engine-under-test.ts'
import { type HandlerBehaviour, postedBy, postOf } from '../../fixtures/handlers/controlled.ts'
import { eventually } from '../../fixtures/journal.ts'
import { RawOpcode } from '../../fixtures/raw-frame.ts'

export const opening: HandlerBehaviour = (t, start) => {
  t.test('messages wait for an asynchronous open, in order', async (t) => {
    const engine = await start(t)
    const { client } = await engine.join({ path: '/slow-open' })
    t.equal(await nextText(client), 'opening')
    for (const text of ['one', 'two', 'three']) sendText(client, text)
    engine.server.state.set('open', true)
    t.same(await nextTexts(client, 4), ['open', 'got one', 'got two', 'got three'])
    sendText(client, 'four')
    t.equal(await nextText(client), 'got four')
  })

  t.test('what waits for open is bounded', async (t) => {
    const engine = await start(t, { maxUnprocessedMessages: 3 })
    const { client, id } = await engine.join({ path: '/slow-open' })
    t.equal(await nextText(client), 'opening')
    sendText(client, '0')
    await eventually('one is held', () => engine.server.stats().messagesReceived === 1)
    t.equal(engine.server.stats().inboundPauses, 0)
    for (const text of ['1', '2']) sendText(client, text)
    await eventually('it is not read any more', () => engine.server.stats().inboundPauses === 1)
    t.equal(engine.server.stats().limits.maxUnprocessedMessages, 1)
    for (const text of ['3', '4', '5']) sendText(client, text)
    engine.server.state.set('open', true)
    t.same(await nextTexts(client, 7), ['open', ...[0, 1, 2, 3, 4, 5].map((number) => `got ${number}`)])
    await engine.journal.until('six posts', () => postedBy(engine.journal, id)[5])
  })

  t.test('a connection that closes while open runs is told of afterwards', async (t) => {
    const engine = await start(t)
    const { client, id } = await engine.join({ path: '/slow-open' })
    t.equal(await nextText(client), 'opening')
    sendText(client, 'last words')
    client.sendFrame({ opcode: RawOpcode.Close, payload: closeBody(4000) })
    await eventually('it has gone', () => engine.server.getConnection(id) === undefined)
    t.same(postedBy(engine.journal, id), [])
    engine.server.state.set('open', true)
    t.same(await postOf(engine.journal, id, 'close'), [4000])
    t.same(
      postedBy(engine.journal, id).map(({ event, args }) => [event, ...args]),
      [
        ['message', 'last words'],
        ['close', 4000],
      ],
    )
  })

  t.test('open that closes the connection: what waited is not delivered', async (t) => {
    const engine = await start(t)
    const { client, id } = await engine.join({ path: '/slow-open' })
    t.equal(await nextText(client), 'opening')
    sendText(client, 'too early')
    await eventually('it is held', () => engine.server.stats().messagesReceived > 0)
    engine.server.state.set('open', 'close')
    t.same((await client.closeFrame()).payload, closeBody(4001, 'from open'))
    client.sendFrame({ opcode: RawOpcode.Close, payload: closeBody(4001) })
    t.same(await postOf(engine.journal, id, 'close'), [4001])
    t.equal(postedBy(engine.journal, id).length, 1)
  })

  t.test('open that rejects is an error, and the connection goes on', async (t) => {
    const engine = await start(t)
    const { journal } = engine
    const { client, id } = await engine.join({ path: '/slow-open' })
    t.equal(await nextText(client), 'opening')
    sendText(client, 'hello')
    engine.server.state.set('open', 'no luck')
    t.equal(await nextText(client), 'got hello')
    const { error, ...told } = await journal.until('error', () => journal.errors[0])
    t.same([told, error.name, error.message], [{ id }, 'RangeError', 'no luck'])
  })
}
