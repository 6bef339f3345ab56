/** What goes wrong while connections move: it costs whom it must cost, and nobody else. */
import t, { type Test } from 'tap'
import { block } from '../fixtures/block.ts'
import { ClientProcess, type PingResult } from '../fixtures/client-process.ts'
import { type EngineUnderTest, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { moduleOf } from '../fixtures/handlers/ways.ts'
import { eventually } from '../fixtures/journal.ts'
import { judge, successor } from '../fixtures/moves/aftermath.ts'
import { onEachStrategy, startMoving, Traffic } from '../fixtures/moves/traffic.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'

const CLIENTS = 8

t.test('new code that cannot be loaded: everybody goes on with the former one', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const engine = await startMoving(t, { handoff })
    const { server } = engine
    const traffic = await Traffic.start(engine, { clients: CLIENTS })
    for (const name of ['throws-at-import', 'does-not-exist']) {
      await t.rejects(server.reload(moduleOf(name)), { code: 'SHARD_START_FAILED' })
    }
    t.ok(traffic.travellers.every(({ peer }) => peer.moves === 0))
    t.match(await server.reload(), { moved: CLIENTS, closed: 0 })
    await failHalfway(t, engine)
    t.same(traffic.travellers.map(({ peer }) => peer.moves).toSorted(), [1, 1, 1, 1, 2, 2, 2, 2])
    t.same(engine.journal.closes, [])
    t.equal(server.stats().shardDeaths, 0)
    await judge(t, engine, traffic)
  }),
)

/** The first shard has a successor, the second one has none. */
async function failHalfway(t: Test, engine: EngineUnderTest): Promise<void> {
  const started = successor(engine)
  const reloaded = engine.server.reload()
  await started
  process.env.SHARDWS_TEST_BROKEN_HANDLER = '1'
  t.teardown(() => delete process.env.SHARDWS_TEST_BROKEN_HANDLER)
  await t.rejects(reloaded, { code: 'SHARD_START_FAILED' })
  delete process.env.SHARDWS_TEST_BROKEN_HANDLER
}

t.test('peers that close, reset and break the protocol while they are held: each ends as it would have', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const engine = await startMoving(t, { handoff, shards: 1 })
    const { server, journal } = engine
    const [closing, resetting, breaking, busy] = await engine.joinMany(4)
    if (closing === undefined || resetting === undefined || breaking === undefined || busy === undefined) return
    const ready = successor(engine)
    const reloaded = server.reload()
    await ready
    // While its handler works on this message, all others wait, and are not read.
    sendText(busy.client, 'pause 400')
    await eventually('they are held', () => server.stats().inboundPauses >= 4)
    sendText(closing.client, 'last words')
    closing.client.sendFrame({ opcode: RawOpcode.Close, payload: Buffer.of(0x0f, 0xa1) })
    breaking.client.sendFrame({ opcode: RawOpcode.Text, mask: false, payload: 'not masked' })
    resetting.client.reset()
    await reloaded
    t.equal(await nextText(closing.client), 'last words')
    t.equal((await closing.client.closeFrame()).payload.readUInt16BE(), 4001)
    t.equal((await breaking.client.closeFrame()).payload.readUInt16BE(), 1002)
    t.equal(await nextText(busy.client), 'pause 400')
    await eventually('three have ended', () => journal.closes.length === 3)
    t.match(journal.closesOf(closing.id), [{ code: 4001 }])
    t.match(journal.closesOf(resetting.id), [{ code: 1006 }])
    t.match(journal.closesOf(breaking.id), [{ code: 1002 }])
    t.same(server.getConnections(), [busy.id])
    t.same(await server.rooms.members('everybody'), [busy.id])
    await eventually('the gauges agree', () => server.stats().connections === 1)
  }),
)

/** Blocks main for 100 of 120 milliseconds until the work is done. */
async function whileBlocking(work: Promise<unknown>): Promise<void> {
  let isDone = false
  void work.then(() => {
    isDone = true
  })
  while (!isDone) {
    block(100)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

t.test('main blocks all the time: nothing is lost, and clients elsewhere keep their connections', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const engine = await startMoving(t, { handoff })
    const { server, journal } = engine
    const clients = await ClientProcess.start<PingResult>({
      job: 'ping',
      port: engine.port,
      connections: 6,
      everyMs: 20,
    })
    const traffic = await Traffic.start(engine, { clients: 2 }).catch(async (error: unknown) => {
      await clients.end()
      throw error
    })
    const ready = successor(engine)
    const reloaded = server.reload()
    await ready
    await whileBlocking(reloaded)
    t.match(await reloaded, { moved: 8, closed: 0 })
    t.same(await traffic.stop(), [])
    clients.tell('stop')
    const { lost, pongs } = await clients.result()
    await clients.end()
    t.equal(lost, 0)
    t.ok(pongs > 0)
    t.same(
      journal.closes.filter(({ code }) => code !== 1006),
      [],
    )
  }),
)
