/** An error in a handler that nobody catches: who has caused it goes, everybody else moves to a fresh shard. */
import { extname } from 'node:path'
import t, { type Test } from 'tap'
import type { WebSocketServerOptions } from '../../src/index.ts'
import { supports } from '../../src/shared/handoff/probe.ts'
import { EngineUnderTest, type Joined, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { onEachStrategy, startMoving, Traffic } from '../fixtures/moves/traffic.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'

const HANDLER = new URL(`../fixtures/handlers/failing${extname(import.meta.url)}`, import.meta.url)
const STRATEGIES = ['transfer', 'descriptor', 'relay'] as const

async function start(t: Test, options: WebSocketServerOptions): Promise<{ engine: EngineUnderTest; joined: Joined[] }> {
  const engine = await EngineUnderTest.start(t, { shards: 2, handler: HANDLER, ...options })
  const joined = await engine.joinMany(8)
  for (const { client } of joined) {
    sendText(client, 'before')
    t.equal(await nextText(client), 'before 0 before')
  }
  return { engine, joined }
}

for (const handoff of STRATEGIES) {
  t.test(handoff, { skip: !(await supports(handoff)) && 'not on this Node' }, async (t) => {
    for (const trouble of ['throw later', 'throw in a timer']) {
      t.test(`${trouble}: 1011 for the offender, nobody else is closed`, async (t) => {
        const { engine, joined } = await start(t, { handoff })
        const { journal, server } = engine
        const [offender, ...others] = joined as [Joined, ...Joined[]]
        const broken = offender.peer.shard
        const fellows = others.filter(({ peer }) => peer.shard === broken)
        t.equal(fellows.length, 3)
        sendText(offender.client, trouble)
        const { payload } = await offender.client.closeFrame()
        t.equal(payload.readUInt16BE(), 1011)
        offender.client.sendFrame({ opcode: RawOpcode.Close, payload })
        const evacuated = await journal.shardEvent('evacuated')
        t.match(evacuated, { shard: broken, cause: { message: 'not caught' } })
        for (const { client, peer } of others) {
          const moves = fellows.some((fellow) => fellow.peer === peer) ? 1 : 0
          sendText(client, 'after')
          t.equal(await nextText(client), `after ${moves} before`, 'what the handler knows has moved, too')
          t.equal(peer.moves, moves)
        }
        t.ok(fellows.every(({ peer }) => peer.shard !== broken))
        await journal.closeOf(offender.id)
        t.same(
          journal.closes.map(({ id }) => id),
          [offender.id],
        )
        t.match(journal.errors, [{ id: null, error: { message: 'not caught' } }])
        t.match(server.stats(), { shardDeaths: 0, errors: { handler: 1 }, connections: 7 })
        t.equal(server.health().status, 'healthy')
      })
    }
  })
}

t.test('a promise that nobody awaits rejects: an error, and nothing else', async (t) => {
  const { engine, joined } = await start(t, {})
  const [{ client }] = joined as [Joined]
  sendText(client, 'throw in a promise')
  const { error } = await engine.journal.until('the error', () => engine.journal.errors[0])
  t.equal(error.message, 'rejected')
  sendText(client, 'after')
  t.equal(await nextText(client), 'after 0 before')
  t.same(engine.journal.closes, [])
})

t.test('a shard that falters again and again is left as it is: its connections go on', async (t) => {
  const { engine, joined } = await start(t, { shards: 1 })
  const { journal, server } = engine
  for (const { client } of joined.slice(0, 5)) {
    const errors = journal.errors.length
    sendText(client, 'throw later')
    await client.closeFrame()
    client.destroy()
    await journal.until('the error', () => (journal.errors.length > errors ? true : undefined))
  }
  for (const { client } of joined.slice(5)) {
    sendText(client, 'after')
    t.match(await nextText(client), /^after \d before$/)
  }
  await eventually('the others are gone', () => server.getConnections().length === 3)
  t.equal(server.stats().shardDeaths, 0)
  t.ok(journal.shardEvents.filter(({ kind }) => kind === 'evacuated').length <= 3)
})

t.test('under traffic on all ways nothing is lost, doubled or reordered', (t) =>
  onEachStrategy(t, async (t, handoff) => {
    const engine = await startMoving(t, { handoff })
    const { journal, server } = engine
    const traffic = await Traffic.start(engine, { clients: 9, isSpoken: false })
    const offenders = [2, 5].flatMap((index) => traffic.travellers[index] ?? [])
    for (const [times, { client, id }] of offenders.entries()) {
      client.say('throw')
      t.match(await journal.closeOf(id), { code: 1011 })
      const isEvacuated = ({ kind }: { kind: string }): boolean => kind === 'evacuated'
      await journal.until('evacuated', () => journal.shardEvents.filter(isEvacuated)[times])
    }
    t.same(await traffic.stop(offenders.map(({ client }) => client)), [])
    t.equal(journal.closes.length, 2)
    t.match(server.stats(), { shardDeaths: 0, evacuations: 2, connections: 7 })
    const living = traffic.travellers.filter(({ client }) => client.closed === null).map(({ id }) => id)
    t.same((await server.rooms.members('everybody')).toSorted(), living.toSorted())
  }),
)
