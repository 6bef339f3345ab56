/** A task is being computed for a connection whose shard changes or ends: its answer comes once, or nobody waits for it. */
import { extname } from 'node:path'
import t, { type Test } from 'tap'
import type { WebSocketServerOptions } from '../../src/index.ts'
import { computeModule } from '../fixtures/compute/module-url.ts'
import { RemoteGate } from '../fixtures/compute/remote-gate.ts'
import { EngineUnderTest, type Joined, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { received } from '../fixtures/fence.ts'
import computing from '../fixtures/handlers/computing.ts'
import { eventually } from '../fixtures/journal.ts'
import { onEachStrategy } from '../fixtures/moves/traffic.ts'

const MODULE = new URL(`../fixtures/handlers/computing${extname(import.meta.url)}`, import.meta.url)
const RELEASED = '{"value":"released"}'

function ask({ client }: Joined, task: object): void {
  sendText(client, JSON.stringify(task))
}

interface Asked {
  readonly engine: EngineUnderTest
  readonly gate: RemoteGate
  readonly joined: Joined
}

/** One thread computes until the gate lets it go on; a second task of the same connection waits for the thread. */
async function startAsked(t: Test, options: WebSocketServerOptions = {}): Promise<Asked> {
  const compute = { filename: computeModule('tasks'), maxThreads: 1 }
  const engine = await EngineUnderTest.start(t, { shards: 1, handler: MODULE, compute, ...options })
  const gate = new RemoteGate(t)
  const joined = await engine.join()
  ask(joined, gate.task)
  await gate.begun
  ask(joined, { act: 'echo', value: 'second' })
  await eventually('the second task waits', () => engine.server.stats().compute.queued === 1)
  return { engine, gate, joined }
}

/** Both answers have come or come now, once and in order, and nothing is left behind. */
async function assertAnswered(t: Test, { engine, joined }: Asked): Promise<void> {
  t.equal(await nextText(joined.client), RELEASED)
  t.equal(await nextText(joined.client), '{"value":"second"}')
  t.same(await received(engine, joined), [])
  await assertQuiet(t, engine)
}

async function assertQuiet(t: Test, { server }: EngineUnderTest): Promise<void> {
  await eventually('nothing is computed', () => server.stats().compute.running === 0)
  t.match(server.stats().compute, { running: 0, queued: 0, completed: 2, failed: 0, aborted: 0 })
}

for (const [place, handler] of Object.entries({ main: computing, 'the shards': MODULE })) {
  t.test(`handler in ${place}: the answer comes after the move`, (t) =>
    onEachStrategy(t, async (t, handoff) => {
      const asked = await startAsked(t, { handoff, handler })
      const { engine, gate, joined } = asked
      const reloaded = engine.server.reload()
      await eventually('it has moved', () => joined.peer.moves === 1)
      gate.release()
      await assertAnswered(t, asked)
      t.match(await reloaded, { moved: 1, closed: 0 })
    }),
  )
}

t.test('the answer comes while the move is prepared', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const asked = await startAsked(t, { handoff })
    const reloaded = asked.engine.server.reload()
    asked.gate.release()
    await assertAnswered(t, asked)
    t.match(await reloaded, { moved: 1, closed: 0 })
  }),
)

t.test('the shard is evacuated', async (t) => {
  const asked = await startAsked(t)
  const culprit = await asked.engine.join()
  ask(culprit, { act: 'falter' })
  t.same(await culprit.client.answerClose(), [1011, 'handler failed'])
  await eventually('it has moved', () => asked.joined.peer.moves === 1)
  asked.gate.release()
  await assertAnswered(t, asked)
})

t.test('the former shard has ended before the answer: nobody gets it, and the connection goes on', async (t) => {
  const { engine, gate, joined } = await startAsked(t, { closeTimeoutMs: 100 })
  t.match(await engine.server.reload(), { moved: 1, closed: 0 })
  gate.release()
  await assertQuiet(t, engine)
  ask(joined, { act: 'echo', value: 'third' })
  t.equal(await nextText(joined.client), '{"value":"third"}')
  t.same(await received(engine, joined), [])
  t.same(engine.journal.errors, [])
})

t.test('the shard dies before the answer: its successor is not given it', async (t) => {
  const { engine, gate, joined } = await startAsked(t)
  ask(await engine.join(), { act: 'fall' })
  t.match(await engine.journal.closeOf(joined.id), { code: 1006 })
  const next = await engine.join()
  const own = new RemoteGate(t)
  ask(next, own.task)
  // It has the number of the task for which the dead shard waited.
  await eventually('its task waits behind those of the dead one', () => engine.server.stats().compute.queued === 2)
  gate.release()
  await own.begun
  t.same(await received(engine, next), [])
  own.release()
  t.equal(await nextText(next.client), RELEASED)
  await eventually('nothing is computed', () => engine.server.stats().compute.running === 0)
  t.match(engine.server.stats().compute, { queued: 0, completed: 3, failed: 0 })
})
