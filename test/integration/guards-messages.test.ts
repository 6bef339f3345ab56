import t from 'tap'
import type { MessageSchema } from '../../src/index.ts'
import { EngineUnderTest, sendText } from '../fixtures/engine-under-test.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'
import { RecordingLogger } from '../fixtures/recording-logger.ts'

/** An object whose `type` is a string. */
const TYPED: MessageSchema = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => {
      const { type } = value as { type?: unknown }
      if (type === 'throw') throw new Error('of the schema')
      return typeof type === 'string' ? {} : { issues: [{ message: 'must be a string', path: ['type'] }] }
    },
  },
}

for (const shards of [0, 1]) {
  t.test(`AU05 AU19: only what matches the schema is delivered: ${shards} shards`, async (t) => {
    const engine = await EngineUnderTest.start(t, { shards, validate: TYPED })
    const { client, id } = await engine.join()
    for (const text of ['{"type":"a"}', '{"type":1}', 'no json', '{"type":"b"}']) sendText(client, text)
    client.sendFrame({ opcode: RawOpcode.Binary, payload: '{"type":"c"}' })
    sendText(client, '{"type":"throw"}')
    sendText(client, '{"type":"d"}')
    await engine.journal.messageCount(3)
    t.same(engine.journal.texts(id), ['{"type":"a"}', '{"type":"b"}', '{"type":"d"}'])
    t.same(
      engine.journal.errors.map(({ id: of, error }) => [of, error.code, error.message]),
      [
        [id, 'MESSAGE_INVALID', 'the message does not match the schema: type: must be a string'],
        [id, 'MESSAGE_INVALID', 'the message does not match the schema: no JSON'],
        [id, 'MESSAGE_INVALID', 'the message does not match the schema: a binary message'],
        [id, undefined, 'of the schema'],
      ],
    )
    t.match(engine.server.stats(), { dropped: { invalid: 3 }, errors: { handler: 1 } })
    t.same(engine.server.getConnections(), [id], 'the connection goes on')
  })

  t.test(`AU05 onInvalid close: 1008 and a security record: ${shards} shards`, async (t) => {
    const logger = new RecordingLogger()
    const engine = await EngineUnderTest.start(t, { shards, validate: TYPED, onInvalid: 'close', logger })
    const { client, id } = await engine.join()
    sendText(client, '{"type":"a"}')
    sendText(client, '{"type":1}')
    const frame = await client.closeFrame()
    t.equal(frame.payload.readUInt16BE(), 1008)
    t.equal(frame.payload.toString('utf8', 2), 'the message does not match the schema')
    t.same(engine.journal.texts(id), ['{"type":"a"}'])
    t.match(engine.journal.errors, [{ id, error: { code: 'MESSAGE_INVALID' } }])
    const records = logger.records.filter(({ details }) => details.security === true)
    t.match(records, [{ level: 'warn', details: { reason: 'policy', closeCode: 1008, id } }])
    t.equal(records.length, 1)
  })
}

t.test('AU06 rateLimit as in the seed: 60 messages a minute, the 61st is dropped and raises an error', async (t) => {
  const rateLimit = { messages: 60, perMs: 60_000, burst: 60, action: 'error' } as const
  const engine = await EngineUnderTest.start(t, { shards: 1, rateLimit })
  const { client, id } = await engine.join()
  for (let i = 1; i <= 61; i++) sendText(client, String(i))
  await engine.journal.until('an error', () => engine.journal.errors[0])
  t.match(engine.journal.errors, [{ id, error: { code: 'RATE_LIMITED' } }])
  t.same(
    engine.journal.texts(id),
    Array.from({ length: 60 }, (_, i) => String(i + 1)),
  )
  t.match(engine.server.stats(), { dropped: { rateLimit: 1 }, limits: { rateLimit: 1 } })
  t.same(engine.server.getConnections(), [id])
})
