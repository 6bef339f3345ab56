import { randomBytes } from 'node:crypto'
import { nextText, sendText } from '../../fixtures/engine-under-test.ts'
import { RawOpcode } from '../../fixtures/raw-frame.ts'
import type { Behaviour } from './behaviour.ts'

const KIB = 1024

export const messages: Behaviour = (t, start) => {
  t.test('connection, messages and close are told under one id', async (t) => {
    const engine = await start(t)
    const { server, journal } = engine
    const { client, id } = await engine.join()
    t.same(server.getConnections(), [id])
    sendText(client, 'hello')
    await journal.messageCount(1)
    t.same(journal.messages, [{ id, message: Buffer.from('hello'), isBinary: false }])
    t.equal(server.send(id, 'hello yourself'), true)
    t.equal(await nextText(client), 'hello yourself')
    server.close(id, 4000, 'enough')
    await client.closeFrame()
    client.sendFrame({ opcode: RawOpcode.Close, payload: Buffer.from([0x0f, 0xa0]) })
    t.equal((await journal.closeOf(id)).code, 4000)
    t.equal(journal.connections.length, 1)
    t.same(server.getConnections(), [])
    t.equal(server.getConnection(id), undefined)
  })

  t.test('text, binary and the override of their kind', async (t) => {
    const engine = await start(t)
    const { server, journal } = engine
    const { client, id } = await engine.join()
    const bytes = Buffer.from([0, 255, 128, 10])
    const sends: [string | Uint8Array, boolean | undefined, number, Buffer][] = [
      ['text', undefined, RawOpcode.Text, Buffer.from('text')],
      ['text', true, RawOpcode.Binary, Buffer.from('text')],
      [bytes, undefined, RawOpcode.Binary, bytes],
      [new Uint8Array(bytes), undefined, RawOpcode.Binary, bytes],
      [Buffer.from('text'), false, RawOpcode.Text, Buffer.from('text')],
      ['', undefined, RawOpcode.Text, Buffer.alloc(0)],
      [Buffer.alloc(0), undefined, RawOpcode.Binary, Buffer.alloc(0)],
      ['žluťoučký 🐎 \u0000 漢字', undefined, RawOpcode.Text, Buffer.from('žluťoučký 🐎 \u0000 漢字')],
    ]
    for (const [message, isBinary, opcode, payload] of sends) {
      t.equal(server.send(id, message, isBinary), true)
      t.same(await client.nextMessage(), { opcode, payload })
      client.sendFrame({ opcode, payload })
    }
    await journal.messageCount(sends.length)
    const expected = sends.map(([, , opcode, message]) => ({ id, message, isBinary: opcode === RawOpcode.Binary }))
    t.same(journal.messages, expected)
  })

  t.test('large messages arrive whole in both directions', async (t) => {
    const engine = await start(t)
    const { client, id } = await engine.join()
    for (const [index, size] of [200 * KIB, 1024 * KIB].entries()) {
      const payload = randomBytes(size)
      client.sendFrame({ opcode: RawOpcode.Binary, payload })
      await engine.journal.messageCount(index + 1)
      t.ok(engine.journal.messages[index]?.message.equals(payload), `${size} bytes in`)
      t.equal(engine.server.send(id, payload), true)
      t.ok((await client.nextMessage()).payload.equals(payload), `${size} bytes out`)
    }
  })

  t.test('a large text of wide characters arrives whole', async (t) => {
    const engine = await start(t)
    const { client, id } = await engine.join()
    const text = '漢字🐎ž'.repeat(20_000)
    engine.server.send(id, text)
    t.ok((await nextText(client)) === text)
    sendText(client, text)
    await engine.journal.messageCount(1)
    t.ok(engine.journal.texts(id)[0] === text)
  })

  t.test('send says whether there is somebody to send to', async (t) => {
    const engine = await start(t)
    const { client, id } = await engine.join()
    t.equal(engine.server.send('nobody', 'x'), false)
    t.equal(engine.server.send('', 'x'), false)
    t.equal(engine.server.send(`${id}0`, 'x'), false, 'an id with something behind it')
    t.equal(engine.server.send(id, 'x'), true)
    engine.server.close(id)
    t.equal(engine.server.send(id, 'too late'), false, 'right after close()')
    await client.closeFrame()
    client.sendFrame({ opcode: RawOpcode.Close, payload: Buffer.from([0x03, 0xe8]) })
    await engine.journal.closeOf(id)
    t.equal(engine.server.send(id, 'x'), false, 'after the close event')
    t.throws(() => engine.server.send(id, 5 as unknown as string), { code: 'ARGUMENT_INVALID' })
  })

  t.test('what a caller does with its buffer after send changes nothing', async (t) => {
    const engine = await start(t)
    const { client, id } = await engine.join()
    const small = Buffer.from('small')
    const large = Buffer.alloc(300 * KIB, 1)
    engine.server.send(id, small)
    engine.server.send(id, large)
    engine.server.broadcast(large)
    small.fill(0)
    large.fill(2)
    t.equal((await client.nextMessage()).payload.toString(), 'small')
    t.ok((await client.nextMessage()).payload.equals(Buffer.alloc(300 * KIB, 1)))
    t.ok((await client.nextMessage()).payload.equals(Buffer.alloc(300 * KIB, 1)))
  })
}
