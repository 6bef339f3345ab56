/** A move forgets no deadline and causes none to pass. */
import t from 'tap'
import type { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { EchoClient } from '../fixtures/moves/echo-client.ts'
import { onEachStrategy, startMoving } from '../fixtures/moves/traffic.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'

/** Moves everybody until the promise is settled. */
async function moveUntil(engine: EngineUnderTest, done: Promise<unknown>): Promise<void> {
  let isDone = false
  const stop = (): void => {
    isDone = true
  }
  done.then(stop, stop)
  while (!isDone) await engine.server.reload()
}

const LIVENESS = { shards: 1, pingIntervalMs: 100, livenessMs: 600 }

t.test('heartbeat: who answers is never cut, however often he moves', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const engine = await startMoving(t, { handoff, ...LIVENESS })
    const url = `ws://127.0.0.1:${engine.port}`
    const clients = await Promise.all(Array.from({ length: 6 }, () => EchoClient.open(url)))
    await moveUntil(engine, new Promise((resolve) => setTimeout(resolve, 2.5 * LIVENESS.livenessMs)))
    t.same(engine.journal.closes, [])
    for (const client of clients) t.equal(await client.ask('hello'), 'hello')
    t.ok(engine.server.getConnections().every((id) => engine.peer(id).lastPong > 0))
    for (const client of clients) client.end()
  }),
)

t.test('heartbeat: who does not answer is cut, however often he moves', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const engine = await startMoving(t, { handoff, ...LIVENESS })
    const { client, id } = await engine.join()
    const closed = engine.journal.closeOf(id)
    await moveUntil(engine, closed)
    t.match(await closed, { code: 1006 })
    t.match(await client.waitClosed(), { closeFrameSeen: false })
    t.equal(engine.server.stats().timeouts.liveness, 1)
  }),
)

t.test('messageTimeoutMs and maxLifetimeMs go on through moves', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const engine = await startMoving(t, { handoff, shards: 1, messageTimeoutMs: 600 })
    const { client, id } = await engine.join()
    client.sendFrame({ opcode: RawOpcode.Text, fin: false, payload: 'a message without an end' })
    await moveUntil(engine, engine.journal.closeOf(id))
    t.equal((await client.closeFrame()).payload.readUInt16BE(), 1008)
    const other = await startMoving(t, { handoff, shards: 1, maxLifetimeMs: 600 })
    const old = await other.join()
    const closing = old.client.answerClose()
    await moveUntil(other, closing)
    t.match(await closing, [1001])
  }),
)
