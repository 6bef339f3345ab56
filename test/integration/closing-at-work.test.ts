/** Connections are closed while their messages are handled: the closing handshake goes through, what they held is free again, and nobody gets more. */
import t, { type Test } from 'tap'
import { ReadyState } from '../../src/shared/connection-table.ts'
import { deferred } from '../fixtures/deferred.ts'
import { EngineUnderTest, type Joined, sendText } from '../fixtures/engine-under-test.ts'
import { moduleOf } from '../fixtures/handlers/ways.ts'
import { eventually } from '../fixtures/journal.ts'

/** Each of them sends more than main takes on credit, 1024 messages or 4 MiB. */
const MESSAGES = 80
const BYTES = 64 * 1024
const CLOSED = 5
/** Of 1 KiB, after our close frame. */
const FLOOD = 5000
const LIMITS = { shards: 1, maxUnprocessedMessages: 2 } as const

/** Sends at once what is never handled to the end, and is closed by main while its handler is at work. */
async function closeAtWork(
  { server, journal }: EngineUnderTest,
  { client, id }: Joined,
  text: string,
): Promise<number> {
  const { inboundPauses } = server.stats()
  for (let sent = 0; sent < MESSAGES; sent++) sendText(client, text.padEnd(BYTES, '.'))
  await eventually('it is not read any more', () => server.stats().inboundPauses > inboundPauses)
  server.close(id, 4000, 'enough')
  await client.answerClose()
  return (await journal.closeOf(id)).code
}

/** A peer that does not care for the limit, nor for our close frame. */
async function assertFloodIgnored(t: Test, engine: EngineUnderTest, text: string): Promise<void> {
  const { client, id, peer } = await engine.join()
  const before = engine.server.stats().messagesReceived
  engine.server.close(id, 4000, 'enough')
  await eventually('it is closing', () => peer.readyState === ReadyState.CLOSING)
  for (let sent = 0; sent < FLOOD; sent++) sendText(client, text.padEnd(1024, '.'))
  await client.answerClose()
  t.equal((await engine.journal.closeOf(id)).code, 4000)
  const handled = engine.server.stats().messagesReceived - before
  t.ok(handled < FLOOD / 2, `${handled} of ${FLOOD} are handled`)
}

/** A newcomer in the place of those has all that it sends taken: more than twice the credit. */
async function assertTaken(engine: EngineUnderTest, text: string): Promise<void> {
  const { client, peer } = await engine.join()
  const count = 2500
  for (let sent = 0; sent < count; sent++) sendText(client, text)
  await eventually('everything is taken', () => peer.messagesReceived === count)
}

t.test('server.close: handler on main', async (t) => {
  const work = deferred<void>()
  const engine = await EngineUnderTest.start(t, { ...LIMITS, handler: { message: () => work.promise } })
  engine.journal.forgetMessages()
  const codes: number[] = []
  for (let each = 0; each < CLOSED; each++) codes.push(await closeAtWork(engine, await engine.join(), 'work'))
  t.same(codes, Array(CLOSED).fill(4000))
  await assertFloodIgnored(t, engine, 'work')
  work.resolve()
  await assertTaken(engine, 'work')
  t.match(engine.server.stats(), { connections: 1, queuedBytes: 0, errors: { handler: 0 } })
})

t.test('server.close: handler in the shard', async (t) => {
  const engine = await EngineUnderTest.start(t, { ...LIMITS, handler: moduleOf('late') })
  const codes: number[] = []
  for (let each = 0; each < CLOSED; each++) codes.push(await closeAtWork(engine, await engine.join(), 'after go '))
  t.same(codes, Array(CLOSED).fill(4000))
  await assertFloodIgnored(t, engine, 'after go ')
  engine.server.state.set('go', true)
  await assertTaken(engine, 'after go ')
  t.match(engine.server.stats(), { connections: 1, queuedBytes: 0, errors: { handler: 0 } })
})
