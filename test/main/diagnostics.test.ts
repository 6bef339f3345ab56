import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import t, { type Test } from 'tap'
import type { HandshakeEnd, HandshakeStart } from '../../src/main/diagnostics.ts'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'

function hear<Message>(t: Test, channel: string): Message[] {
  const heard: Message[] = []
  const listener = (message: unknown): void => {
    heard.push(message as Message)
  }
  subscribe(channel, listener)
  t.teardown(() => unsubscribe(channel, listener))
  return heard
}

t.test('each opening handshake has one start and one end, however it goes', async (t) => {
  const starts = hear<HandshakeStart>(t, 'shardws:handshake:start')
  const ends = hear<HandshakeEnd>(t, 'shardws:handshake:end')
  const engine = await EngineUnderTest.start(t, {
    shards: 1,
    maxConnections: 2,
    verifyClient: ({ url }) => (url === '/slow' ? new Promise<boolean>(() => {}) : url !== '/refused'),
  })
  const { id } = await engine.join({ path: '/' })
  t.same(await Promise.all(['/refused', '/refused'].map((path) => engine.statusOf({ path }))), [401, 401])
  t.equal(await engine.statusOf({ headers: { 'Sec-WebSocket-Version': '7' } }), 426)
  const slow = engine.open({ path: '/slow' }).catch(() => {})
  await eventually('its verifyClient is asked', () => starts.at(-1)?.request.url === '/slow')
  t.equal(await engine.statusOf({ path: '/more' }), 503, 'over maxConnections')
  await engine.server.shutdown({ deadlineMs: 1000 })
  await slow

  const nobody = { id: null, shard: null }
  t.match(
    ends.map(({ request, ip, ...result }) => ({ url: request.url, ip, ...result })),
    [
      { url: '/', ip: '127.0.0.1', outcome: 'opened', status: 101, code: null, id, shard: 0 },
      { url: '/refused', outcome: 'refused', status: 401, code: 'UNAUTHORIZED', ...nobody },
      { url: '/refused', outcome: 'refused', status: 401, code: 'UNAUTHORIZED', ...nobody },
      { outcome: 'refused', status: 426, code: 'UPGRADE_REQUIRED', ...nobody },
      { url: '/more', outcome: 'refused', status: 503, code: 'OVER_CAPACITY', ...nobody },
      { url: '/slow', outcome: 'refused', status: 503, code: 'SHUTTING_DOWN', ...nobody },
    ],
  )
  t.same(
    ends.map(({ request }) => starts.filter((start) => start.request === request).length),
    [1, 1, 1, 1, 1, 1],
    'the same request at both',
  )
})

t.test('a client that leaves before it is answered', async (t) => {
  const ends = hear<HandshakeEnd>(t, 'shardws:handshake:end')
  const asked: (() => void)[] = []
  const engine = await EngineUnderTest.start(t, {
    shards: 0,
    verifyClient: ({ socket }) => {
      asked.push(() => socket.destroy())
      return new Promise<boolean>(() => {})
    },
  })
  const client = engine.open().catch(() => {})
  await eventually('verifyClient is asked', () => asked.length === 1)
  asked[0]?.()
  await eventually('it has ended', () => ends.length === 1)
  t.match(ends, [{ outcome: 'abandoned', status: null, code: null, id: null, shard: null }])
  await client
})
