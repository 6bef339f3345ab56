/** `verifyClient` that answers on the client's socket itself. */
import t from 'tap'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'

t.test('a client that verifyClient has answered itself gets that answer, and the handshake is over', async (t) => {
  const engine = await EngineUnderTest.start(t, {
    shards: 0,
    maxPendingHandshakes: 1,
    verifyClient: ({ socket, url }) => {
      socket.end('HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      return { answered: true, status: url === '/secret' ? 401 : 302 }
    },
  })
  const client = await engine.open({ behind: Buffer.from('ignored') })
  t.equal(client.response.status, 302)
  t.same(client.response.headers.get('location'), ['/login'])
  client.end()
  t.match(await client.waitClosed(), { how: 'fin' })
  t.equal(client.body.length, 0)
  await eventually('the handshake has ended', () => engine.server.stats().rejected.total === 1)
  t.same(engine.server.stats().rejected.reasons, { NOT_UPGRADED: 1 })

  await engine.open({ path: '/secret' })
  t.same(engine.server.stats().rejected.reasons, { NOT_UPGRADED: 1, UNAUTHORIZED: 1 }, 'and another may begin')
  t.same(engine.journal.connections, [])
})
