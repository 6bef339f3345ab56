import type { WebSocketServer } from '../../../src/index.ts'
import { type Controlled, control, type HandlerBehaviour, postOf } from '../../fixtures/handlers/controlled.ts'
import { eventually } from '../../fixtures/journal.ts'

const KIB = 1024

/** More than the kernel's buffers on both sides may grow to: 32 MiB and 4 MiB. */
const FLOOD = { bytes: 64 * KIB, count: 800 }

/** Main may send all of a flood before the shard says that the kernel takes no more. Returns how many were sent after it. */
async function sendUntilRefused(one: Controlled, server: WebSocketServer): Promise<number> {
  let sent = 0
  await eventually('one is refused', () => {
    sent++
    return !server.send(one.id, Buffer.alloc(64 * KIB), true)
  })
  return sent
}

export const limiting: HandlerBehaviour = (t, start, way) => {
  t.test('maxUnprocessedMessages: who is slow is not read until half is done', async (t) => {
    const engine = await start(t, { maxUnprocessedMessages: 4 })
    const { server } = engine
    const one = await control(engine)
    const held = [1, 2, 3].map(() => one.order('hold', { key: 'go' }))
    await eventually('three are worked on', () => server.stats().messagesReceived === 3)
    t.equal(server.stats().inboundPauses, 0, 'below the limit')
    held.push(one.order('hold', { key: 'go' }))
    await eventually('it is not read', () => server.stats().inboundPauses === 1)
    const more = one.order('thread')
    t.equal(server.stats().limits.maxUnprocessedMessages, 1)
    server.state.set('go', true)
    for (const re of held) await one.answer(re)
    t.type(await one.answer(more), 'string')
  })

  t.test('maxUnprocessedBytes counts what the messages weigh', async (t) => {
    const engine = await start(t, { maxUnprocessedBytes: 1000 })
    const { server } = engine
    const one = await control(engine)
    const held = [one.order('hold', { key: 'go', padding: 'x'.repeat(800) })]
    await eventually('one is worked on', () => server.stats().messagesReceived === 1)
    t.equal(server.stats().inboundPauses, 0)
    held.push(one.order('hold', { key: 'go', padding: 'x'.repeat(200) }))
    await eventually('it is not read', () => server.stats().limits.maxUnprocessedBytes === 1)
    server.state.set('go', true)
    for (const re of held) await one.answer(re)
  })

  t.test('rateLimit drops what is too much', async (t) => {
    const engine = await start(t, { rateLimit: { messages: 1, perMs: 3_600_000, burst: 5, action: 'error' } })
    const { journal } = engine
    const one = await control(engine)
    const orders = Array.from({ length: 8 }, () => one.order('thread'))
    for (const re of orders.slice(0, 5)) t.type(await one.answer(re), 'string')
    await eventually('three are dropped', () => engine.server.stats().dropped.rateLimit === 3)
    t.match(await journal.until('error', () => journal.errors[0]), { id: one.id, error: { code: 'RATE_LIMITED' } })
  })

  t.test(`slowConsumer 'drop': send says no, drain says when to go on`, async (t) => {
    const engine = await start(t, { maxBackpressure: 64 * KIB })
    const { journal, server } = engine
    const one = await control(engine)
    one.client.pause()
    one.order('flood', FLOOD)
    await eventually('the handler has sent it', () => server.stats().messagesReceived === 1)
    await sendUntilRefused(one, server)
    one.client.resume()
    t.same(await postOf(journal, one.id, 'drain'), [])
    t.equal(await one.ask('sendMany', { texts: ['again'] }).then(String), 'true')
    t.ok(server.stats().limits.maxBackpressure)
  })

  t.test(`slowConsumer 'buffer': everything arrives`, async (t) => {
    const engine = await start(t, { maxBackpressure: 64 * KIB, slowConsumer: 'buffer' })
    const one = await control(engine)
    one.client.pause()
    const flood = one.order('flood', FLOOD)
    await eventually('the handler has sent it', () => engine.server.stats().messagesReceived === 1)
    const more = await sendUntilRefused(one, engine.server)
    one.client.resume()
    const refused = (await one.answer(flood)) as number
    t.ok(refused < FLOOD.count, `${refused} of ${FLOOD.count} were over the limit`)
    while (one.inbox.length < FLOOD.count + more) await one.ask('thread')
    t.equal(one.inbox.length, FLOOD.count + more)
    t.same(await postOf(engine.journal, one.id, 'drain'), [])
  })

  t.test(`slowConsumer 'close': 1013`, async (t) => {
    const engine = await start(t, { maxBackpressure: 64 * KIB, slowConsumer: 'close' })
    const one = await control(engine)
    one.client.pause()
    one.order('flood', FLOOD)
    await eventually('it is closed', () => engine.server.stats().slowConsumers === 1)
    t.match(await engine.journal.closeOf(one.id), { code: 1013 })
    t.match(await engine.journal.until('error', () => engine.journal.errors[0]), { error: { code: 'SLOW_CONSUMER' } })
  })

  t.test('a broadcast to a peer that does not read is dropped, and drain follows', async (t) => {
    const engine = await start(t, { maxBackpressure: 64 * KIB })
    const { journal, server } = engine
    const [one, two] = [await control(engine), await control(engine)]
    one.client.pause()
    while (server.stats().dropped.slowConsumer === 0) {
      await two.ask('broadcast', { text: 'x'.repeat(32 * KIB), options: { except: two.id } })
    }
    await journal.until('dropped', () => journal.dropped[0])
    one.client.resume()
    await journal.until('drain', () => journal.drains.find((id) => id === one.id))
    if (way.kind === 'module') t.same(await postOf(journal, one.id, 'drain'), [])
    t.equal(await two.ask('sendTo', { id: one.id, text: 'again' }), true)
  })
}
