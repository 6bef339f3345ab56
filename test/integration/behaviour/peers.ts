import { ReadyState, type Socket } from '../../../src/index.ts'
import { nextText, sendText } from '../../fixtures/engine-under-test.ts'
import { eventually } from '../../fixtures/journal.ts'
import { RawOpcode } from '../../fixtures/raw-frame.ts'
import type { Behaviour } from './behaviour.ts'

export const peers: Behaviour = (t, start) => {
  t.test('what is known of a connection', async (t) => {
    const engine = await start(t, { protocols: ['chat'] })
    const before = Date.now()
    const { client, id, peer } = await engine.join({
      path: '/room/7?a=1&b=x%20y&b=last&__proto__=z',
      headers: { 'X-Token': 'secret', 'Sec-WebSocket-Protocol': 'chat' },
    })
    const { lastActivity } = peer
    // As precise as the shard's sweep: a second.
    t.ok(lastActivity >= before - 1500 && lastActivity <= Date.now() + 1500, `lastActivity ${lastActivity} is now`)
    t.equal(engine.server.getConnection(id), peer)
    t.match(peer, { id, url: '/room/7?a=1&b=x%20y&b=last&__proto__=z', path: '/room/7', protocol: 'chat' })
    t.same(Object.entries(peer.query), [
      ['a', '1'],
      ['b', 'last'],
      ['__proto__', 'z'],
    ])
    t.equal(peer.headers['x-token'], 'secret')
    t.equal(peer.remoteAddress, '127.0.0.1')
    t.ok(peer.remotePort > 0)
    t.equal(peer.readyState, ReadyState.OPEN)
    t.equal(peer.isAlive, true)
    await eventually('its shard counts it', () => engine.server.stats().connections === 1)
    t.equal(peer.shard, engine.server.stats().shards.find(({ connections }) => connections === 1)?.shard)
    t.same(peer.data, {})
    t.equal(peer.lastPong, 0)

    sendText(client, 'twelve bytes')
    client.sendFrame({ opcode: RawOpcode.Binary, payload: Buffer.alloc(1000) })
    await engine.journal.messageCount(2)
    t.match(peer, { messagesReceived: 2, bytesReceived: 1012 })
    engine.server.send(id, 'čtyři')
    await nextText(client)
    await eventually('bytes are counted', () => peer.bytesSent === Buffer.byteLength('čtyři'))
    t.equal(peer.bufferedAmount, 0)

    peer.ping('are you there')
    const ping = await client.nextControl()
    t.match(ping, { opcode: RawOpcode.Ping, payload: Buffer.from('are you there') })
    client.sendFrame({ opcode: RawOpcode.Pong, payload: ping.payload })
    await eventually('the pong is noted', () => peer.lastPong >= before - 1500)
  })

  t.test("data is the application's, and stays", async (t) => {
    const engine = await start(t)
    const { id } = await engine.join()
    const peer = engine.peer(id) as Socket<{ name?: string }>
    peer.data.name = 'Alice'
    t.same(engine.peer(id).data, { name: 'Alice' })
  })

  t.test('readyState follows the connection to its end', async (t) => {
    const engine = await start(t)
    const { client, id, peer } = await engine.join()
    peer.close(1000)
    await client.closeFrame()
    t.equal(peer.readyState, ReadyState.CLOSING)
    t.equal(peer.isAlive, false)
    client.sendFrame({ opcode: RawOpcode.Close, payload: Buffer.from([0x03, 0xe8]) })
    await engine.journal.closeOf(id)
    t.equal(peer.readyState, ReadyState.CLOSED)
    t.equal(peer.bufferedAmount, 0)
    t.equal(peer.send('x'), false)
    await engine.join()
    t.equal(peer.readyState, ReadyState.CLOSED, 'also when its slot has a new connection')
    t.equal(peer.send('x'), false)
  })

  t.test('ids are unique, and nothing a client says makes one', async (t) => {
    const engine = await start(t)
    const first = await engine.join()
    const forged = await engine.join({ headers: { 'X-Connection-Id': first.id } })
    t.not(forged.id, first.id)
    const joined = await engine.joinMany(30)
    const ids = [first, forged, ...joined].map(({ id }) => id)
    t.equal(new Set(ids).size, 32)
    t.same(new Set(engine.server.getConnections()), new Set(ids))
    first.client.reset()
    await engine.journal.closeOf(first.id)
    const next = await engine.join()
    t.notOk(ids.includes(next.id), 'not even when a slot is used again')
    t.equal(engine.server.getConnection(first.id), undefined)
  })

  t.test('connections are spread over the shards', async (t) => {
    const engine = await start(t)
    const joined = await engine.joinMany(6)
    await eventually('the shards count them', () => engine.server.stats().connections === 6)
    const { shards } = engine.server.stats()
    t.same(
      shards.map(({ connections }) => connections),
      shards.map(() => 6 / shards.length),
    )
    t.equal(new Set(joined.map(({ peer }) => peer.shard)).size, shards.length)
  })
}
