import { nextTexts, sendText } from '../../fixtures/engine-under-test.ts'
import { encodeFrames, RawOpcode } from '../../fixtures/raw-frame.ts'
import type { Behaviour } from './behaviour.ts'

const CLIENTS = 5
const MESSAGES_EACH = 2000

export const ordering: Behaviour = (t, start) => {
  t.test('messages of one write come in order', async (t) => {
    const engine = await start(t)
    const { client, id } = await engine.join()
    const expected = Array.from({ length: 16 }, (_, i) => `message ${i}`)
    client.sendRaw(encodeFrames(expected.map((payload) => ({ opcode: RawOpcode.Text, payload }))))
    await engine.journal.messageCount(16)
    t.same(engine.journal.texts(id), expected)
  })

  t.test('messages of one write, echoed, come back in order', async (t) => {
    const engine = await start(t)
    engine.server.on('message', (id, message, isBinary) => engine.server.send(id, message, isBinary))
    const { client } = await engine.join()
    const expected = Array.from({ length: 16 }, (_, i) => 'x'.repeat(i * 100))
    client.sendRaw(encodeFrames(expected.map((payload) => ({ opcode: RawOpcode.Text, payload }))))
    t.same(await nextTexts(client, 16), expected)
  })

  t.test('10,000 messages of several clients keep the order of each', async (t) => {
    const engine = await start(t)
    const joined = await engine.joinMany(CLIENTS)
    const expected = Array.from({ length: MESSAGES_EACH }, (_, i) => `${i}`)
    const bytes = encodeFrames(expected.map((payload) => ({ opcode: RawOpcode.Text, payload })))
    // In pieces that do not end with a frame, and those of all connections mixed.
    await Promise.all(joined.map(({ client }) => client.sendChopped(bytes, 333)))
    await engine.journal.messageCount(CLIENTS * MESSAGES_EACH)
    for (const { id } of joined) t.same(engine.journal.texts(id), expected)
  })

  t.test('the connection is told before its first message, and its close after its last', async (t) => {
    const engine = await start(t)
    const told: string[] = []
    engine.server.on('connection', (id) => told.push(`open ${id}`))
    engine.server.on('message', (id) => told.push(`message ${id}`))
    engine.server.on('close', (id) => told.push(`close ${id}`))
    const { client, id } = await engine.join({ behind: encodeFrames([{ opcode: RawOpcode.Text, payload: 'early' }]) })
    sendText(client, 'late')
    client.end()
    await engine.journal.closeOf(id)
    t.same(told, [`open ${id}`, `message ${id}`, `message ${id}`, `close ${id}`])
    t.same(engine.journal.texts(id), ['early', 'late'])
  })
}
