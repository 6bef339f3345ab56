import t from 'tap'
import { TWO_CONFIGURATIONS } from '../fixtures/configurations.ts'
import { EngineUnderTest, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'

for (const { name, options } of TWO_CONFIGURATIONS) {
  t.test(name, async (t) => {
    t.test('ME14 errors by class: protocol, handler, transport', async (t) => {
      const engine = await EngineUnderTest.start(t, options)
      const { server, journal } = engine
      const errors = () => server.stats().errors
      t.same(errors(), { protocol: 0, transport: 0, handler: 0 })
      const broken = await engine.join()
      broken.client.sendRaw(Buffer.from([0xf1, 0x80, 0, 0, 0, 0]))
      await journal.closeOf(broken.id)
      t.same(errors(), { protocol: 1, transport: 0, handler: 0 })
      server.on('message', () => {
        throw new Error('of the application')
      })
      const gone = await engine.join()
      sendText(gone.client, 'x')
      await journal.until('the error', () => journal.errors.find(({ error }) => /application/.test(error.message)))
      t.same(errors(), { protocol: 1, transport: 0, handler: 1 })
      gone.client.reset()
      await journal.closeOf(gone.id)
      t.same(errors(), { protocol: 1, transport: 1, handler: 1 })
    })

    t.test('ME16 messages and bytes a second, in and out', async (t) => {
      const engine = await EngineUnderTest.start(t, options)
      const { server } = engine
      const nothing = { messagesReceived: 0, messagesSent: 0, bytesReceived: 0, bytesSent: 0 }
      t.same(server.stats().perSecond, nothing)
      const { client, id } = await engine.join()
      for (let count = 0; count < 10; count++) sendText(client, 'four')
      await engine.journal.messageCount(10)
      server.send(id, 'eight888')
      await nextText(client)
      await eventually('it is counted', () => server.stats().messagesSent === 1)
      const { messagesReceived, messagesSent, bytesReceived, bytesSent } = server.stats().perSecond
      t.ok(messagesReceived > 0 && messagesSent > 0)
      t.ok(Math.abs(bytesReceived / messagesReceived - 4) < 0.001, 'four bytes each')
      t.ok(Math.abs(bytesSent / messagesSent - 8) < 0.001, 'eight bytes')
    })

    t.test('ME18 CO06 CO13 what is known of one connection, to its end', async (t) => {
      const engine = await EngineUnderTest.start(t, options)
      const { server, journal } = engine
      const before = performance.timeOrigin + performance.now()
      const { client, id, peer } = await engine.join({ headers: { 'User-Agent': 'test/1' } })
      t.ok(Math.abs(peer.connectedAt - before) < 60_000 && peer.lastActivity >= peer.connectedAt)
      t.match(peer, { messagesReceived: 0, bytesReceived: 0, bytesSent: 0, compressionRatio: 0, protocol: '' })
      t.match(peer, { remoteAddress: '127.0.0.1', ip: '127.0.0.1', headers: { 'user-agent': 'test/1' } })
      t.ok(peer.remotePort > 0)
      peer.metadata.room = 'lobby'
      sendText(client, 'five5')
      await journal.messageCount(1)
      server.send(id, 'seven77')
      await nextText(client)
      await eventually('both are counted', () => peer.bytesSent === 7 && peer.bytesReceived === 5)
      t.equal(peer.messagesReceived, 1)
      let sessionMs = -1
      server.on('close', () => {
        sessionMs = performance.timeOrigin + performance.now() - peer.connectedAt
      })
      client.reset()
      await journal.closeOf(id)
      t.ok(sessionMs >= 0)
      t.same(peer.metadata, { room: 'lobby' })
    })
  })
}
