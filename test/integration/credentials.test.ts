import t from 'tap'
import { ipAllow, tokenFromProtocol } from '../../src/index.ts'
import { TWO_CONFIGURATIONS } from '../fixtures/configurations.ts'
import { EngineUnderTest, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { RecordingLogger } from '../fixtures/recording-logger.ts'

for (const { name, options } of TWO_CONFIGURATIONS) {
  t.test(name, async (t) => {
    t.test('AU25 a token among the subprotocols is used, and neither echoed nor kept nor logged', async (t) => {
      const bearer = tokenFromProtocol('bearer.', ['chat'])
      const logger = new RecordingLogger()
      const engine = await EngineUnderTest.start(t, {
        ...options,
        logger,
        handleProtocols: bearer.handleProtocols,
        verifyClient: (request) =>
          bearer.tokenOf(request) === 's3cret' ? { user: { name: 'ada' } } : { accept: false, status: 401 },
      })
      const offer = (header: string): { headers: Record<string, string> } => ({
        headers: { 'Sec-WebSocket-Protocol': header },
      })
      const { client, peer } = await engine.join(offer('bearer.s3cret, v9, chat'))
      t.same(client.response.headers.get('sec-websocket-protocol'), ['chat'])
      t.match(peer, { protocol: 'chat', user: { name: 'ada' } })
      const alone = await engine.join(offer('bearer.s3cret'))
      t.equal(alone.client.response.headers.get('sec-websocket-protocol'), undefined)
      t.equal(await engine.statusOf(offer('bearer.wr0ng, chat')), 401)
      t.equal(await engine.statusOf(), 401)
      const said = [client.response, peer.headers, alone.peer.headers, engine.journal.connections, logger.records].map(
        (each) => JSON.stringify(each),
      )
      t.notOk(said.some((text) => text.includes('s3cret') || text.includes('wr0ng')))
    })

    t.test('OP27 AU16 ipAllow for verifyClient', async (t) => {
      const engine = await EngineUnderTest.start(t, { ...options, verifyClient: ipAllow(['127.0.0.0/31', '::1']) })
      t.equal(await engine.statusOf({ localAddress: '127.0.0.1' }), 101)
      t.equal(await engine.statusOf({ localAddress: '127.0.0.2' }), 403)
      const spoofed = { localAddress: '127.0.0.2', headers: { 'X-Forwarded-For': '127.0.0.1' } }
      t.equal(await engine.statusOf(spoofed), 403)
      const behind = await EngineUnderTest.start(t, { ...options, verifyClient: ipAllow(['10.0.0.0/8'], 1) })
      t.equal(await behind.statusOf({ headers: { 'X-Forwarded-For': '192.0.2.1, 10.9.9.9' } }), 101)
      t.equal(await behind.statusOf({ headers: { 'X-Forwarded-For': '10.9.9.9, 192.0.2.1' } }), 403)
      for (const ranges of ['10.0.0.0/8', ['10.0.0.0/33'], [1]]) {
        t.throws(() => ipAllow(ranges as string[]), { code: 'ARGUMENT_INVALID', message: /^ranges must be/ })
      }
    })

    t.test('AU07 what clients send is delivered as it is: to sanitise it is not the engine’s job', async (t) => {
      const engine = await EngineUnderTest.start(t, options)
      const { server } = engine
      server.on('message', (id, message, isBinary) => server.send(id, message, isBinary))
      const { client } = await engine.join()
      const text = '<script>alert("\u2028\u0000\u202e")</script>&amp;\r\n'
      sendText(client, text)
      t.equal(await nextText(client), text)
    })
  })
}
