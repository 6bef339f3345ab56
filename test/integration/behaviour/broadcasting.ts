import { nextText, nextTexts } from '../../fixtures/engine-under-test.ts'
import { RawOpcode } from '../../fixtures/raw-frame.ts'
import type { Behaviour } from './behaviour.ts'

export const broadcasting: Behaviour = (t, start) => {
  t.test('to all, to all but one, text and binary', async (t) => {
    const engine = await start(t)
    const joined = await engine.joinMany(7)
    const [first] = joined
    t.equal(engine.server.broadcast('to all'), true)
    t.equal(engine.server.broadcast('not to the first', { except: first?.id ?? '' }), true)
    t.equal(engine.server.broadcast(Buffer.from('bytes')), true)
    t.equal(engine.server.broadcast(Buffer.from('as text'), false), true)
    t.equal(engine.server.broadcast('as bytes', { isBinary: true }), true)
    t.equal(engine.server.broadcast('nobody is excepted', { except: 'nobody' }), true)
    for (const { client, id } of joined) {
      const excepted = id === first?.id ? [] : [[RawOpcode.Text, 'not to the first']]
      const expected = [
        [RawOpcode.Text, 'to all'],
        ...excepted,
        [RawOpcode.Binary, 'bytes'],
        [RawOpcode.Text, 'as text'],
        [RawOpcode.Binary, 'as bytes'],
        [RawOpcode.Text, 'nobody is excepted'],
      ]
      for (const [opcode, text] of expected) {
        t.same(await client.nextMessage(), { opcode, payload: Buffer.from(`${text}`) })
      }
    }
  })

  t.test('large ones reach everybody whole', async (t) => {
    const engine = await start(t)
    const joined = await engine.joinMany(5)
    const payload = Buffer.alloc(600 * 1024, 'broadcast')
    engine.server.broadcast(payload)
    for (const { client } of joined) t.ok((await client.nextMessage()).payload.equals(payload))
  })

  t.test('broadcasts and direct messages keep their order', async (t) => {
    const engine = await start(t)
    const joined = await engine.joinMany(6)
    const wide = 'x'.repeat(5000)
    for (let round = 0; round < 100; round++) {
      engine.server.broadcast(`all ${round}`)
      for (const { id } of joined) engine.server.send(id, `${id} ${round}`)
      // Past the size from which shards map a broadcast instead of copying it.
      if (round % 10 === 0) engine.server.broadcast(`${wide}${round}`)
    }
    for (const { client, id } of joined) {
      const expected: string[] = []
      for (let round = 0; round < 100; round++) {
        expected.push(`all ${round}`, `${id} ${round}`)
        if (round % 10 === 0) expected.push(`${wide}${round}`)
      }
      t.same(await nextTexts(client, expected.length), expected)
    }
  })

  t.test('who is closing gets no more', async (t) => {
    const engine = await start(t)
    const [closing, open] = await engine.joinMany(2)
    if (closing === undefined || open === undefined) throw new Error('unreachable')
    engine.server.close(closing.id, 1000)
    engine.server.broadcast('news')
    t.equal(await nextText(open.client), 'news')
    await closing.client.closeFrame()
    closing.client.end()
    t.equal((await closing.client.waitClosed()).framesAfterClose, 0)
    t.same(closing.client.unread(), [])
  })
}
