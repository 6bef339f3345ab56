import { nextText, sendText } from '../../fixtures/engine-under-test.ts'
import { eventually } from '../../fixtures/journal.ts'
import { encodeFrames, RawOpcode } from '../../fixtures/raw-frame.ts'
import type { Behaviour } from './behaviour.ts'

export const controlFrames: Behaviour = (t, start) => {
  t.test('a ping is answered with its payload, also between fragments', async (t) => {
    const engine = await start(t)
    const { client, id } = await engine.join()
    for (const payload of [Buffer.alloc(0), Buffer.from('x'), Buffer.alloc(125, 'y')]) {
      client.sendFrame({ opcode: RawOpcode.Ping, payload })
      t.match(await client.nextControl(), { opcode: RawOpcode.Pong, payload })
    }
    client.sendRaw(
      encodeFrames([
        { opcode: RawOpcode.Text, payload: 'two ', fin: false },
        { opcode: RawOpcode.Ping, payload: 'between' },
        { opcode: RawOpcode.Continuation, payload: 'parts' },
      ]),
    )
    t.match(await client.nextControl(), { opcode: RawOpcode.Pong, payload: Buffer.from('between') })
    await engine.journal.messageCount(1)
    t.same(engine.journal.texts(id), ['two parts'])
  })

  t.test('the application pings and pongs', async (t) => {
    const engine = await start(t)
    const { client, peer } = await engine.join()
    peer.ping()
    t.match(await client.nextControl(), { opcode: RawOpcode.Ping, payload: Buffer.alloc(0) })
    peer.ping(Buffer.from([1, 2, 3]))
    t.match(await client.nextControl(), { opcode: RawOpcode.Ping, payload: Buffer.from([1, 2, 3]) })
    peer.pong('unasked')
    t.match(await client.nextControl(), { opcode: RawOpcode.Pong, payload: Buffer.from('unasked') })
    t.equal(peer.lastPong, 0)
    client.sendFrame({ opcode: RawOpcode.Pong, payload: 'unasked as well' })
    await eventually('a pong without a ping counts', () => peer.lastPong > 0)
  })

  t.test('more than 125 bytes are the mistake of the caller', async (t) => {
    const engine = await start(t)
    const { client, id, peer } = await engine.join()
    peer.ping('a'.repeat(125))
    t.equal((await client.nextControl()).payload.length, 125)
    t.throws(() => peer.ping('a'.repeat(126)), { code: 'ARGUMENT_INVALID' })
    t.throws(() => peer.ping('é'.repeat(63)), { code: 'ARGUMENT_INVALID' })
    t.throws(() => peer.pong(Buffer.alloc(126)), { code: 'ARGUMENT_INVALID' })
    sendText(client, 'still open')
    await engine.journal.messageCount(1)
    engine.server.send(id, 'so am I')
    t.equal(await nextText(client), 'so am I')
  })
}
