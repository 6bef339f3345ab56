import t, { type Test } from 'tap'
import type { WebSocketServerOptions } from '../../src/index.ts'
import { closeBody, EngineUnderTest, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { moduleOf } from '../fixtures/handlers/ways.ts'
import { eventually } from '../fixtures/journal.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'

/** Longer than a connection that moves is held for its handler. */
const LONG_MS = 1500
const FOR_EVER_MS = 600_000

const start = (t: Test, options: WebSocketServerOptions = {}): Promise<EngineUnderTest> =>
  EngineUnderTest.start(t, { shards: 2, placement: 'round-robin', handler: moduleOf('moving'), ...options })

/** Resolves when the handler has begun: a message that came after it has been answered. */
async function begin(engine: EngineUnderTest, what: string) {
  const joined = await engine.join()
  sendText(joined.client, what)
  sendText(joined.client, 'begun')
  await nextText(joined.client)
  return joined
}

for (const [how, change] of [
  ['reload', (engine) => engine.server.reload()],
  ['resize', (engine) => engine.server.resize(1)],
] as readonly (readonly [string, (engine: EngineUnderTest) => Promise<unknown>])[]) {
  t.test(`${how}: a handler at work is waited for when its connection has moved, and its answer arrives`, async (t) => {
    const engine = await start(t)
    const answering = [await begin(engine, `pause ${LONG_MS}`), await begin(engine, `pause ${LONG_MS}`)]
    const posting = [await begin(engine, `later ${LONG_MS}`), await begin(engine, `later ${LONG_MS}`)]
    await change(engine)
    for (const { client } of answering) t.equal(await nextText(client), `pause ${LONG_MS}`)
    await eventually('both have posted', () => engine.journal.posts.length === 2)
    for (const { client } of posting) {
      sendText(client, 'still here')
      t.equal(await nextText(client), 'still here')
    }
    t.equal(engine.server.stats().shardDeaths, 0)
  })
}

t.test('reload: a handler of a connection that has closed meanwhile is waited for', async (t) => {
  const engine = await start(t)
  const { client, id } = await begin(engine, `later ${LONG_MS}`)
  client.destroy()
  await engine.journal.closeOf(id)
  await engine.server.reload()
  t.same(engine.journal.posts, ['later'])
})

t.test('shutdown: handlers at work have until the deadline, however early their connections have closed', async (t) => {
  const engine = await start(t)
  const { client, id } = await begin(engine, `later ${LONG_MS}`)
  const down = engine.server.shutdown()
  await client.closeFrame()
  client.sendFrame({ opcode: RawOpcode.Close, payload: closeBody(1001) })
  t.match(await down, { closed: 1, terminated: 0, zombies: 0 })
  t.equal(engine.journal.closesOf(id).length, 1)
  t.same(engine.journal.posts, ['later'])
})

t.test('a handler that never ends holds up neither a reload nor a shutdown for ever', async (t) => {
  const engine = await start(t, { closeTimeoutMs: 100 })
  const { client } = await begin(engine, `later ${FOR_EVER_MS}`)
  t.match(await engine.server.reload(), { moved: 1 })
  sendText(client, 'still here')
  t.equal(await nextText(client), 'still here')
  sendText(client, `later ${FOR_EVER_MS}`)
  t.match(await engine.server.shutdown({ deadlineMs: 300 }), { zombies: 0 })
  t.same(engine.journal.posts, [])
})
