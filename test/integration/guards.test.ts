import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { WebSocketServerOptions } from '../../src/index.ts'
import { EngineUnderTest, sendText } from '../fixtures/engine-under-test.ts'
import { Gate } from '../fixtures/handshakes.ts'
import { eventually } from '../fixtures/journal.ts'
import { RawClient } from '../fixtures/raw-client.ts'
import { encodeFrame, RawOpcode } from '../fixtures/raw-frame.ts'
import { type LogRecord, RecordingLogger } from '../fixtures/recording-logger.ts'
import { ShardOrders, shardUrl } from '../fixtures/shards/shard-orders.ts'

/** Documentation addresses, RFC 5737. */
const CLIENT = '203.0.113.9'
const OTHER = '198.51.100.7'

async function start(
  t: Parameters<typeof EngineUnderTest.start>[0],
  options: WebSocketServerOptions,
): Promise<{ engine: EngineUnderTest; log: RecordingLogger }> {
  const log = new RecordingLogger()
  return { engine: await EngineUnderTest.start(t, { shards: 1, logger: log, ...options }), log }
}

function securityRecords({ records }: RecordingLogger): readonly LogRecord[] {
  return records.filter(({ details }) => details.security === true)
}

t.test('row 40, AU14 AU16: request.ip is the client, remoteAddress the peer', async (t) => {
  const { engine } = await start(t, { trustProxy: ['127.0.0.0/8'] })
  const forwarded = await engine.join({ headers: { 'X-Forwarded-For': `1.1.1.1, ${CLIENT}` } })
  t.match(forwarded.peer.request, { ip: CLIENT, remoteAddress: '127.0.0.1' })
  const malformed = await engine.join({ headers: { 'X-Forwarded-For': 'what?' } })
  t.match(malformed.peer.request, { ip: '127.0.0.1', remoteAddress: '127.0.0.1' })
  const twice = await engine.join({ headers: { 'X-Forwarded-For': ['1.1.1.1', `[2001:db8::9]:80`] } })
  t.equal(twice.peer.request.ip, '2001:db8::9')
})

t.test('row 40: a spoofed header is worth nothing', async (t) => {
  const spoofed = (address: string): { headers: Record<string, string> } => ({
    headers: { 'X-Forwarded-For': address, Forwarded: `for=${address}`, 'X-Real-IP': address },
  })
  for (const trustProxy of [false, 0, ['10.0.0.0/8']]) {
    const { engine } = await start(t, { trustProxy, allowIps: ['127.0.0.1'], connectionRate: { perIp: 3 } })
    const { peer } = await engine.join(spoofed(CLIENT))
    t.equal(peer.request.ip, '127.0.0.1')
    for (let i = 0; i < 2; i++) t.equal(await engine.statusOf(spoofed(`10.0.0.${i}`)), 101)
    t.equal(await engine.statusOf(spoofed(OTHER)), 429, 'another address in the header is the same client')
  }
  const { engine } = await start(t, { trustProxy: 1, denyIps: [CLIENT] })
  t.equal(await engine.statusOf({ headers: { 'X-Forwarded-For': `${OTHER}, ${CLIENT}` } }), 403)
  t.equal(await engine.statusOf({ headers: { 'X-Forwarded-For': `${CLIENT}, ${OTHER}` } }), 101)
})

t.test('row 40: a trustProxy that throws refuses nobody: the peer counts, and the error is told', async (t) => {
  const broken = (): boolean => {
    throw new Error('of the application')
  }
  const { engine } = await start(t, { trustProxy: broken })
  const { peer } = await engine.join({ headers: { 'X-Forwarded-For': CLIENT } })
  t.equal(peer.request.ip, '127.0.0.1')
  t.match(engine.journal.errors, [{ id: null, error: { message: 'of the application' } }])
})

t.test('AU16 allowIps and denyIps: 403 before verifyClient, and a record', async (t) => {
  let calls = 0
  const verifyClient = (): boolean => ++calls > 0
  const { engine, log } = await start(t, { allowIps: ['127.0.0.0/24'], denyIps: ['127.0.0.3'], verifyClient })
  t.equal(await engine.statusOf({ localAddress: '127.0.0.2' }), 101)
  t.equal(calls, 1)
  const denied = await engine.open({ localAddress: '127.0.0.3', path: '/?token=secret' })
  t.equal(denied.response.status, 403)
  t.match(await denied.waitClosed(), { how: 'fin' })
  t.equal(String(denied.body), 'the address is not allowed')
  t.equal(await engine.statusOf({ localAddress: '127.0.1.1' }), 403)
  t.equal(calls, 1)
  t.same(engine.server.stats().rejected, { total: 2, reasons: { ADDRESS_FORBIDDEN: 2 } })
  t.match(securityRecords(log), [
    { level: 'warn', details: { reason: 'address', code: 'ADDRESS_FORBIDDEN', ip: '127.0.0.3', url: '/?token=***' } },
    { level: 'warn', details: { reason: 'address', ip: '127.0.1.1' } },
  ])
})

t.test('row 40: to a dual-stack server an IPv4 client is ::ffff:a.b.c.d, and the same client', async (t) => {
  const { engine } = await start(t, { denyIps: ['127.0.0.3'], allowIps: ['127.0.0.0/8'], trustProxy: ['127.0.0.4'] })
  const http = createServer()
  engine.server.attach(http)
  try {
    await once(http.listen(0, '::ffff:127.0.0.1'), 'listening')
  } catch {
    t.comment('not tried: this machine has no IPv6')
    return
  }
  t.teardown(() => http.close())
  const { port } = http.address() as AddressInfo
  const proxied = { 'X-Forwarded-For': '127.9.9.9' }
  const clients = []
  for (const localAddress of ['127.0.0.2', '127.0.0.3', '127.0.0.4']) {
    clients.push(await RawClient.open({ port, localAddress, headers: proxied }))
  }
  t.same(
    clients.map(({ response }) => response.status),
    [101, 403, 101],
  )
  await engine.journal.until('both', () => engine.journal.connections.length === 2 || undefined)
  t.match(
    engine.journal.connections.map(({ request }) => request),
    [
      { remoteAddress: '::ffff:127.0.0.2', ip: '127.0.0.2' },
      { remoteAddress: '::ffff:127.0.0.4', ip: '127.9.9.9' },
    ],
  )
  for (const client of clients) client.destroy()
})

t.test('row 40, AU15 AU22: connectionRate: 429 before verifyClient, with Retry-After', async (t) => {
  let calls = 0
  const verifyClient = (): boolean => ++calls > 0
  const { engine, log } = await start(t, { connectionRate: { perIp: 5, windowMs: 3_600_000 }, verifyClient })
  for (let i = 0; i < 5; i++) t.equal(await engine.statusOf(), 101)
  const refused = await engine.open()
  t.equal(refused.response.status, 429)
  t.match(refused.response.headers.get('retry-after')?.[0], /^[1-9]\d*$/)
  t.equal(await engine.statusOf({ path: '/', headers: { 'Sec-WebSocket-Key': 'broken' } }), 429, 'a broken one too')
  t.equal(await engine.statusOf({ localAddress: '127.0.0.2' }), 101)
  t.equal(calls, 6)
  t.same(engine.server.stats().rejected.reasons, { CONNECTION_RATE: 2 })
  t.same(engine.server.stats().limits, { connectionRate: 2 })
  t.match(securityRecords(log), [{ details: { reason: 'rate', option: 'connectionRate', ip: '127.0.0.1' } }, {}])
})

for (const shards of [0, 1]) {
  t.test(`row 40: 50 addresses, ${shards} shards: each has its own limit`, async (t) => {
    const LIMIT = 3
    const { engine } = await start(t, { shards, maxConnectionsPerIp: LIMIT })
    const addresses = Array.from({ length: 50 }, (_, i) => `127.0.0.${i + 2}`)
    for (const localAddress of addresses) {
      const clients = await Promise.all(Array.from({ length: LIMIT + 1 }, () => engine.open({ localAddress })))
      const statuses = clients.map(({ response }) => response.status).sort()
      t.same(statuses, [101, 101, 101, 429], `${localAddress}: one beyond the limit`)
    }
    t.same(engine.server.stats().rejected.reasons, { TOO_MANY_CONNECTIONS: 50 })
    await engine.release()
    for (const localAddress of addresses.slice(0, 5)) {
      const clients = await Promise.all(Array.from({ length: LIMIT }, () => engine.open({ localAddress })))
      t.same(
        clients.map(({ response }) => response.status),
        [101, 101, 101],
        'all given back',
      )
    }
    t.equal(await engine.statusOf({ localAddress: '127.0.0.2' }), 429)
  })
}

t.test(
  'row 40: maxConnectionsPerIp counts handshakes under way; a refused or abandoned one gives its place back',
  async (t) => {
    const gate = new Gate()
    const { engine } = await start(t, { maxConnectionsPerIp: 2, verifyClient: gate.verify })
    const first = engine.open()
    await gate.called(1)
    const second = engine.open()
    await gate.called(2)
    t.equal(await engine.statusOf(), 429)
    gate.calls[0]?.resolve(false)
    t.equal((await first).response.status, 401)
    const third = engine.open()
    await gate.called(3)
    t.equal(await engine.statusOf(), 429)
    gate.calls[1]?.resolve(true)
    const opened = await second
    t.equal(opened.response.status, 101)
    t.equal(await engine.statusOf(), 429, 'open ones count too')
    gate.calls[2]?.resolve(true)
    await third
    opened.destroy()
    await eventually('its end is known', () => engine.server.getConnections().length === 1)
    const fourth = engine.open()
    await gate.called(4)
    gate.calls[3]?.resolve(true)
    t.equal((await fourth).response.status, 101)
  },
)

t.test('row 40: the connections of a shard that dies give their places back, once', async (t) => {
  const orders = new ShardOrders()
  t.teardown(() => orders.close())
  const { engine } = await start(t, { maxConnectionsPerIp: 2, shardUrl: shardUrl('obedient') })
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 2; i++) await engine.join()
    t.equal(await engine.statusOf(), 429)
    const started = engine.journal.shardEvents.filter(({ kind }) => kind === 'started').length
    await orders.give({ shard: 0, act: 'exit' })
    await engine.journal.until('the next shard', () => {
      const { length } = engine.journal.shardEvents.filter(({ kind }) => kind === 'started')
      return length > started || undefined
    })
    await eventually('both are gone', () => engine.server.getConnections().length === 0)
  }
  for (let i = 0; i < 2; i++) t.equal((await engine.open()).response.status, 101)
  t.equal(await engine.statusOf(), 429, 'and not more than they had')
})

t.test('AU08 AU20 origin, verifyClient and 1008: each is a record with the client’s address', async (t) => {
  const { engine, log } = await start(t, {
    trustProxy: 1,
    allowOrigins: ['same-origin'],
    verifyClient: ({ url }) => url !== '/refused',
  })
  const headers = { 'X-Forwarded-For': CLIENT }
  t.equal(await engine.statusOf({ headers: { ...headers, Origin: 'http://127.0.0.1' } }), 101, 'same-origin')
  t.equal(await engine.statusOf({ headers: { ...headers, Origin: 'http://evil.example' } }), 403)
  t.equal(await engine.statusOf({ path: '/refused', headers }), 401)
  const { id } = await engine.join({ headers })
  engine.server.close(id, 1008, 'Authentication required')
  engine.server.close(id, 1008, 'again')
  t.same(
    securityRecords(log).map(({ level, details: { reason, ip } }) => [level, reason, ip]),
    [
      ['warn', 'origin', CLIENT],
      ['warn', 'auth', CLIENT],
      ['warn', 'policy', CLIENT],
    ],
  )
})

t.test('AU17 a verifyClient that takes its time loses nothing, and has no longer than verifyTimeoutMs', async (t) => {
  const gate = new Gate()
  const { engine } = await start(t, { verifyClient: gate.verify })
  const behind = encodeFrame({ opcode: RawOpcode.Text, payload: 'sent before the answer' })
  const opening = engine.open({ behind })
  await gate.called(1)
  gate.calls[0]?.resolve(true)
  t.equal((await opening).response.status, 101)
  await engine.journal.messageCount(1)
  t.equal(String(engine.journal.messages[0]?.message), 'sent before the answer')

  const slow = await start(t, { verifyTimeoutMs: 100, verifyClient: () => new Promise<boolean>(() => {}) })
  t.equal(await slow.engine.statusOf(), 503)
  t.same(slow.engine.server.stats().rejected.reasons, { VERIFY_TIMEOUT: 1 })
})

t.test('AU08 a limit that closes with 1008 is one record', async (t) => {
  const { engine, log } = await start(t, { rateLimit: { messages: 1, burst: 1, graceMs: 0 } })
  const { client, id } = await engine.join()
  for (let i = 0; i < 10; i++) sendText(client, 'x')
  t.equal((await client.closeFrame()).payload.readUInt16BE(), 1008)
  await eventually('its error is told', () => engine.journal.errors.length > 0)
  t.match(securityRecords(log), [{ details: { reason: 'policy', closeCode: 1008, id, ip: '127.0.0.1' } }])
  t.equal(securityRecords(log).length, 1)
})

t.test('row 13: a cookie while every origin may connect is warned of once', async (t) => {
  const Cookie = 'session=1'
  const open = await start(t, {})
  t.equal(await open.engine.statusOf(), 101)
  t.same(securityRecords(open.log), [], 'no cookie, no word')
  for (let i = 0; i < 3; i++) t.equal(await open.engine.statusOf({ headers: { Cookie } }), 101)
  t.match(securityRecords(open.log), [{ level: 'warn', details: { option: 'allowOrigins' } }])
  t.equal(securityRecords(open.log).length, 1)
  for (const allowOrigins of [['*'], ['same-origin']]) {
    const chosen = await start(t, { allowOrigins })
    t.equal(await chosen.engine.statusOf({ headers: { Cookie } }), 101)
    t.same(securityRecords(chosen.log), [], 'the operator has chosen')
  }
})
