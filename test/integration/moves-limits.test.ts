/** A move gives nobody a fresh allowance, and lets nobody in who was not. */
import t, { type Test } from 'tap'
import type { WebSocketServerOptions } from '../../src/index.ts'
import { EngineUnderTest, nextText, nextTexts, sendText } from '../fixtures/engine-under-test.ts'
import { moduleOf } from '../fixtures/handlers/ways.ts'
import { onEachStrategy, type Strategy, startMoving } from '../fixtures/moves/traffic.ts'
import type { RawClient } from '../fixtures/raw-client.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'

/** Nothing fills up again while a test runs. */
const PER_HOUR = { perMs: 3_600_000 }

function sendNumbers(client: RawClient, from: number, to: number): void {
  for (let number = from; number < to; number++) sendText(client, `${number}`)
}

/** Resolves when the shard has read everything that was sent before. */
async function fence(client: RawClient): Promise<void> {
  client.sendFrame({ opcode: RawOpcode.Ping })
  await client.nextControl()
}

/** The handler in its single shard. */
function startServed(t: Test, name: string, options: WebSocketServerOptions): Promise<EngineUnderTest> {
  return EngineUnderTest.start(t, { shards: 1, handler: moduleOf(name), ...options })
}

t.test('rateLimit drop: what is left of the budget goes along', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const rateLimit = { messages: 10, burst: 10, action: 'drop', ...PER_HOUR } as const
    const engine = await startMoving(t, { handoff, shards: 1, rateLimit })
    const { client, peer } = await engine.join()
    sendNumbers(client, 0, 6)
    t.same(await nextTexts(client, 6), ['0', '1', '2', '3', '4', '5'])
    await engine.server.reload()
    sendNumbers(client, 6, 16)
    t.same(await nextTexts(client, 4), ['6', '7', '8', '9'])
    await engine.server.reload()
    sendNumbers(client, 16, 19)
    await fence(client)
    t.same(client.unread(), [])
    t.equal(engine.server.stats().dropped.rateLimit, 9)
    t.equal(peer.moves, 2)
  }),
)

t.test('rateLimit pause: who is not read for his rate is not read in his new shard', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const rateLimit = { messages: 4, burst: 4, action: 'pause', ...PER_HOUR } as const
    const engine = await startMoving(t, { handoff, shards: 1, rateLimit })
    const { client, peer } = await engine.join()
    sendNumbers(client, 0, 5)
    t.same(await nextTexts(client, 5), ['0', '1', '2', '3', '4'])
    sendNumbers(client, 5, 9)
    await engine.server.reload()
    await engine.server.reload()
    t.equal(peer.moves, 2)
    t.equal(peer.messagesReceived, 5)
    t.same(client.unread(), [])
  }),
)

t.test('validate goes on', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const engine = await startServed(t, 'validated', { handoff })
    const { client } = await engine.join()
    for (let time = 0; time < 3; time++) {
      sendText(client, `{"n":${time}}`)
      sendText(client, '{"n":"none"}')
      t.equal(await nextText(client), `valid {"n":${time}}`)
      t.match(await nextText(client), /^MESSAGE_INVALID: .*n: must be a number$/)
      await engine.server.reload()
    }
    t.equal(engine.server.stats().dropped.invalid, 3)
  }),
)

t.test('in-band authentication in a shard: who has not said who he is stays, who has moves with his name', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const engine = await startServed(t, 'obliging', { handoff, shards: 2, placement: () => 0 })
    const { server } = engine
    const [late, second] = [await engine.join(), await engine.join()]
    t.match(await server.rebalance(), { moved: 0, stayed: 1, closed: 0 })
    for (const { client } of [late, second]) {
      sendText(client, 'who am I')
      t.equal(await nextText(client), 'Who are you?')
      sendText(client, 'I am ada')
      t.equal(await nextText(client), 'welcome ada')
    }
    t.match(await server.rebalance(), { moved: 1, stayed: 0, closed: 0 })
    t.ok(server.user('ada').send('on all devices'))
    for (const { client } of [late, second]) t.equal(await nextText(client), 'on all devices')
    const pending = await engine.join()
    const reloaded = server.reload()
    t.same(await pending.client.answerClose(), [1012, 'shard replaced'])
    t.match(await reloaded, { moved: 2, closed: 1 })
    sendText(late.client, 'say me still here')
    t.equal(await nextText(late.client), 'still here')
  }),
)

t.test('in-band authentication on main goes on after a move', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const engine = await startAsking(t, handoff)
    const { client, peer } = await engine.join()
    sendText(client, 'hello')
    t.equal(await nextText(client), 'who?')
    await engine.server.reload()
    sendText(client, 'hello')
    t.equal(await nextText(client), 'who?')
    sendText(client, 'I am ada')
    sendText(client, 'news')
    t.equal(await nextText(client), 'heard news')
    t.same([peer.moves, peer.user], [1, { name: 'ada' }])
  }),
)

/** On main, it asks until it is told. */
function startAsking(t: Test, handoff: Strategy): Promise<EngineUnderTest> {
  return EngineUnderTest.start(t, {
    ...{ handoff, shards: 1 },
    handler: {
      authenticate(socket, message) {
        const [, name] = /^I am (\w+)$/.exec(String(message)) ?? []
        if (name === undefined) socket.send('who?')
        return name === undefined ? false : { name }
      },
      message: (socket, message) => void socket.send(`heard ${message}`),
    },
  })
}
