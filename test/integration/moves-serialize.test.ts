/** `serialize`: one message at a time, also while its connection moves. */
import t, { type Test } from 'tap'
import { EngineUnderTest, type Joined, nextTexts, sendText } from '../fixtures/engine-under-test.ts'
import { received } from '../fixtures/fence.ts'
import { moduleOf } from '../fixtures/handlers/ways.ts'
import { type MovingOptions, onEachStrategy, type Strategy, startMoving } from '../fixtures/moves/traffic.ts'

function start(t: Test, options: MovingOptions): Promise<EngineUnderTest> {
  return startMoving(t, { shards: 1, serialize: true, ...options })
}

/** The first of them takes its time: side by side the others would overtake it. */
function messages(round: number): string[] {
  return [`pause 150 ${round}`, `quick ${round}`, `pause 20 ${round}`, `last ${round}`]
}

for (const place of ['main', 'shards'] as const) {
  t.test(`handler in ${place}: in order before, during and after a move`, (t) =>
    onEachStrategy(t, async (t, handoff) => {
      const engine = await start(t, { handoff, place })
      const { client, peer } = await engine.join()
      for (let round = 0; round < 3; round++) {
        for (const text of messages(round)) sendText(client, text)
        if (round === 1) t.match(await engine.server.reload(), { moved: 1, closed: 0 })
        t.same(await nextTexts(client, 4), messages(round))
      }
      t.equal(peer.moves, 1)
      t.equal(peer.messagesReceived, 12)
    }),
  )
}

t.test('whose handler in the shard is still at work stays in rebalance', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const { engine, busy } = await startAtWork(t, handoff)
    t.match(await engine.server.rebalance(), { moved: 0, stayed: 1, closed: 0 })
    engine.server.state.set('go', true)
    t.same(await nextTexts(busy.client, 3), ['first', 'at work', 'second'])
    t.match(await engine.server.rebalance(), { moved: 1, stayed: 0, closed: 0 })
    sendText(busy.client, 'after go send:third')
    t.same(await nextTexts(busy.client, 2), ['at work', 'third'])
  }),
)

t.test('whose handler in the shard is still at work is closed with 1012 by a reload', async (t) => {
  const { engine, free, busy } = await startAtWork(t)
  const reloaded = engine.server.reload()
  t.same(await busy.client.answerClose(), [1012, 'shard replaced'])
  t.match(await reloaded, { moved: 1, closed: 1 })
  t.match(await engine.journal.closeOf(busy.id), { code: 1012 })
  t.equal(free.peer.moves, 1)
  t.same(await received(engine, free), [])
  t.match(engine.server.stats(), { connections: 1 })
})

/** Two on one shard of two. The handler of the second works on its first message until `go`, and a second one waits. */
async function startAtWork(
  t: Test,
  handoff?: Strategy,
): Promise<{ engine: EngineUnderTest; free: Joined; busy: Joined }> {
  const engine = await EngineUnderTest.start(t, {
    ...(handoff !== undefined && { handoff }),
    ...{ shards: 2, placement: () => 0, serialize: true, closeTimeoutMs: 1000 },
    handler: moduleOf('late'),
  })
  const [free, busy] = [await engine.join(), await engine.join()]
  for (const text of ['after go send:first', 'after go send:second']) sendText(busy.client, text)
  t.same(await nextTexts(busy.client, 1), ['at work'])
  return { engine, free, busy }
}
