import { randomBytes } from 'node:crypto'
import { ReadyState } from '../../../src/shared/connection-table.ts'
import { closeBody } from '../../fixtures/engine-under-test.ts'
import { control, type HandlerBehaviour, postedBy, postOf } from '../../fixtures/handlers/controlled.ts'
import { RawOpcode } from '../../fixtures/raw-frame.ts'

const KIB = 1024

export const sockets: HandlerBehaviour = (t, start, way) => {
  t.test('it runs where it was given, and hears of the connection before its first message', async (t) => {
    const engine = await start(t)
    const { journal } = engine
    const one = await control(engine)
    const isInShard = way.kind === 'module' && engine.server.stats().handoff !== 'local'
    t.equal(await one.ask('thread'), isInShard ? 'shard' : 'main')
    t.same(await postOf(journal, one.id, 'open'), [true])
    t.equal(journal.messages.length > 0, way.kind !== 'module', 'the server hears the messages that main handles')
  })

  t.test('what the socket says of its request and of itself', async (t) => {
    const engine = await start(t)
    const headers = { 'X-Test': 'yes' }
    const one = await control(engine, { path: '/rooms/a%20b?x=1&x=2&%C3%BC=', headers })
    t.strictSame(await one.ask('describe'), {
      ...{ path: '/rooms/a%20b', url: '/rooms/a%20b?x=1&x=2&%C3%BC=', query: { x: '2', ü: '' } },
      ...{ params: { '*': 'rooms/a b' }, data: {}, metadata: {}, protocol: '', ip: '127.0.0.1', id: one.id },
      ...{ test: 'yes', hasPrototype: false, readyState: 1, remoteAddress: '127.0.0.1', isAlive: true },
      ...{ extensions: '', bufferedAmount: 0, rooms: [] },
    })
    t.same(await one.ask('counts'), [true, true, 2, true])
    await one.ask('set', { data: { lives: 3 }, metadata: { a: [1] }, user: 'ann' })
    t.match(await one.ask('describe'), { data: { lives: 3 }, metadata: { a: [1] }, user: 'ann' })
  })

  t.test('text comes as a string, binary as a Buffer that may be kept', async (t) => {
    const engine = await start(t)
    const one = await control(engine)
    const payloads = [Buffer.from([0, 255, 128]), randomBytes(20), randomBytes(200 * KIB), Buffer.alloc(0)]
    for (const payload of payloads) one.client.sendFrame({ opcode: RawOpcode.Binary, payload })
    for (const payload of payloads) t.same(await one.client.nextMessage(), { opcode: RawOpcode.Binary, payload })
    // More reads would have written over what was only lent.
    for (const _ of payloads) await one.ask('state')
    const kept = (await one.ask('kept')) as string[]
    t.ok(kept.every((hex, at) => hex === payloads[at]?.toString('hex')))
    t.equal(kept.length, payloads.length)
  })

  t.test('many messages, and their answers, in order', async (t) => {
    const engine = await start(t)
    const one = await control(engine)
    const texts = Array.from({ length: 500 }, (_, at) => `${at} žluťoučký 🐎`)
    const sent = one.order('sendMany', { texts })
    const later = Array.from({ length: 50 }, () => one.order('thread'))
    t.same(await one.answer(sent), Array(500).fill(true))
    for (const re of later) await one.answer(re)
    t.same(await one.nextMany(500), texts)
    await t.rejects(Promise.race([one.ask('sendWrong'), postOf(engine.journal, one.id, 'error').then(fail)]), {
      message: /message must be a string/,
    })
  })

  t.test('close and terminate by the handler', async (t) => {
    const engine = await start(t)
    const { journal } = engine
    const [one, two, three] = [await control(engine), await control(engine), await control(engine)]
    one.order('close', { code: 4001, reason: 'enough' })
    t.same((await one.client.closeFrame()).payload, closeBody(4001, 'enough'))
    one.client.sendFrame({ opcode: RawOpcode.Close, payload: closeBody(4001) })
    t.same(await postOf(journal, one.id, 'close'), [4001, '', []])
    t.match(await journal.closeOf(one.id), { code: 4001 })
    two.order('close')
    t.same((await two.client.closeFrame()).payload, closeBody(1000))
    three.order('terminate')
    t.same(await postOf(journal, three.id, 'terminated'), [ReadyState.CLOSING, false])
    t.match(await three.client.waitClosed(), { closeFrameSeen: false })
    t.match(await postOf(journal, three.id, 'close'), [1006])
  })

  t.test('the close of the peer is the last that is heard, once', async (t) => {
    const engine = await start(t)
    const { journal } = engine
    const one = await control(engine)
    one.order('join', { room: 'red' })
    one.order('thread')
    one.client.sendFrame({ opcode: RawOpcode.Close, payload: closeBody(3005, 'bye') })
    t.same(await postOf(journal, one.id, 'close'), [3005, 'bye', []])
    t.match(await journal.closeOf(one.id), { code: 3005, reason: 'bye' })
    t.same(
      postedBy(journal, one.id).map(({ event }) => event),
      ['open', 'close'],
    )
    t.equal(engine.server.rooms.size('red'), 0)
  })

  t.test('a peer that vanishes is told of as 1006', async (t) => {
    const engine = await start(t)
    const one = await control(engine)
    await one.ask('thread')
    one.client.destroy()
    t.match(await postOf(engine.journal, one.id, 'close'), [1006])
  })

  t.test('pings and pongs of both sides', async (t) => {
    const engine = await start(t)
    const { journal } = engine
    const one = await control(engine)
    // Of a function it is known only afterwards that it listens.
    await one.ask('thread')
    one.client.sendFrame({ opcode: RawOpcode.Ping, payload: 'marco' })
    t.equal((await one.client.nextControl()).payload.toString(), 'marco', 'answered without being asked')
    t.same(await postOf(journal, one.id, 'ping'), ['marco'])
    await one.ask('ping', { text: 'are you there' })
    t.match(await one.client.nextControl(), { opcode: RawOpcode.Ping, payload: Buffer.from('are you there') })
    one.client.sendFrame({ opcode: RawOpcode.Pong, payload: 'are you there' })
    t.same(await postOf(journal, one.id, 'pong'), ['are you there'])
    await one.ask('pong', { text: 'unasked' })
    t.match(await one.client.nextControl(), { opcode: RawOpcode.Pong, payload: Buffer.from('unasked') })
  })

  t.test('listeners beside the handler: once hears once, off takes one away', async (t) => {
    const engine = await start(t)
    const one = await control(engine)
    await one.ask('listen')
    for (const payload of ['a', 'b']) one.client.sendFrame({ opcode: RawOpcode.Pong, payload })
    t.same(await one.ask('unlisten'), ['a', 'a', 'b'])
    one.client.sendFrame({ opcode: RawOpcode.Pong, payload: 'c' })
    t.same(await one.ask('unlisten'), ['a', 'a', 'b'])
  })

  t.test('figures of the server count what handlers do', async (t) => {
    const engine = await start(t)
    const before = engine.server.stats()
    const one = await control(engine)
    for (let count = 0; count < 3; count++) await one.ask('thread')
    const after = engine.server.stats()
    t.equal(after.messagesReceived - before.messagesReceived, 3)
    t.equal(after.messagesSent - before.messagesSent, 3)
    t.equal(after.totalConnections - before.totalConnections, 1)
    t.equal(
      after.shards.reduce((sum, { connections }) => sum + connections, 0),
      1,
    )
  })
}

function fail([message]: readonly unknown[]): never {
  throw new Error(String(message))
}
