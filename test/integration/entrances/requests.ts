import { once } from 'node:events'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { EngineUnderTest } from '../../fixtures/engine-under-test.ts'
import { connectTo, type EntranceUnderTest, exchange, reach } from '../../fixtures/entrances-under-test.ts'
import { moduleOf } from '../../fixtures/handlers/ways.ts'
import { eventually } from '../../fixtures/journal.ts'
import { encodeFrame, RawOpcode } from '../../fixtures/raw-frame.ts'
import { upgradeRequest } from '../../fixtures/raw-request.ts'
import { converse, ECHOES } from './conversation.ts'

/** More than a window of TLS or a read, and no more than `maxPayload` when it does not compress. */
const LARGE_BYTES = 512 * 1024

/** What clients of this entrance meet, up to the end of their connection. */
export function testRequests(t: Test, entrance: EntranceUnderTest): void {
  t.test(entrance.name, async (t) => {
    for (const [where, handler] of ECHOES) {
      t.test(`a handler ${where}: messages, large ones, compression and both ways to close`, async (t) => {
        const engine = await EngineUnderTest.start(t, { ...entrance.options, shards: 2, handler, compression: true })
        const client = await connectTo(engine, entrance)
        const join = (): ReturnType<typeof connectTo> => connectTo(engine, entrance, '/other')
        await converse(t, engine, { client, join, largeBytes: LARGE_BYTES })
        t.equal(engine.server.stats().handoffs.adopted, 2)
      })
    }

    t.test('connections are spread over the shards', async (t) => {
      const engine = await EngineUnderTest.start(t, { ...entrance.options, shards: 2, handler: moduleOf('moving') })
      for (let i = 0; i < 6; i++) await connectTo(engine, entrance)
      t.same(
        engine.server.stats().shards.map(({ connections }) => connections),
        [3, 3],
      )
    })

    t.test('a message right behind the request is not lost', async (t) => {
      const engine = await EngineUnderTest.start(t, { ...entrance.options, shards: 1, handler: moduleOf('moving') })
      const frame = encodeFrame({ opcode: RawOpcode.Text, payload: Buffer.from('at once') })
      const close = encodeFrame({ opcode: RawOpcode.Close, payload: Buffer.from([3, 232]) })
      const answer = await exchange(await reach(engine, entrance), Buffer.concat([upgradeRequest(), frame, close]))
      t.match(answer, /^HTTP\/1\.1 101 /)
      t.ok(answer.endsWith('\x07at once\x88\x02\x03\xe8'))
    })

    t.test('what functions on main decide', async (t) => await decisionsOfMain(t, entrance))
    t.test('refusals have their status, and are counted', async (t) => await refusals(t, entrance))

    t.test('verifyClient that does not answer costs 503', async (t) => {
      const engine = await EngineUnderTest.start(t, {
        ...entrance.options,
        shards: 1,
        verifyClient: () => new Promise<boolean>(() => {}),
        verifyTimeoutMs: 200,
        handshakeTimeoutMs: 5000,
      })
      const answer = await exchange(await reach(engine, entrance), upgradeRequest())
      t.match(answer, /^HTTP\/1\.1 503 /)
      t.equal(engine.server.stats().rejected.reasons.VERIFY_TIMEOUT, 1)
    })
  })
}

async function decisionsOfMain(t: Test, entrance: EntranceUnderTest): Promise<void> {
  const seen: unknown[] = []
  const engine = await EngineUnderTest.start(t, {
    ...entrance.options,
    shards: 2,
    handler: moduleOf('moving'),
    verifyClient: ({ headers, method, socket, url }) => {
      const { remoteAddress, encrypted } = socket as typeof socket & { encrypted?: boolean }
      seen.push([method, url, headers['x-test'], remoteAddress, encrypted])
      if (url === '/answered') {
        socket.end('HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n')
        return { answered: true, status: 418 }
      }
      return url === '/not' ? { status: 402, headers: { 'X-Why': 'money' }, body: 'pay' } : { user: 'ann' }
    },
    handleProtocols: (offered) => offered.at(-1) ?? false,
  })
  engine.server.use((_socket, request, next) => {
    request.user = `${request.user}, let in`
    next()
  })
  const client = await connectTo(engine, entrance, '/yes', ['a', 'b'], { headers: { 'X-Test': 'x' } })
  t.equal(client.socket.protocol, 'b')
  client.socket.send('who')
  t.match(await client.nextJson(), { user: 'ann, let in', protocol: 'b', path: '/yes' })
  t.same(seen, [['GET', '/yes', 'x', '127.0.0.1', entrance.isSecure]])

  const refused = await exchange(await reach(engine, entrance), upgradeRequest({}, { target: '/not' }))
  t.match(refused, /^HTTP\/1\.1 402 /)
  t.match(refused, /X-Why: money\r\n/)
  t.match(refused, /\r\n\r\npay$/)
  const answered = await exchange(await reach(engine, entrance), upgradeRequest({}, { target: '/answered' }))
  t.equal(answered, 'HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n')
  t.match(engine.server.stats().rejected.reasons, { UNAUTHORIZED: 1, NOT_UPGRADED: 1 })
}

async function refusals(t: Test, entrance: EntranceUnderTest): Promise<void> {
  const engine = new EngineUnderTest({
    ...entrance.options,
    shards: 2,
    allowOrigins: ['https://ours.example'],
    maxConnections: 1,
    protocols: ['v1'],
  })
  t.teardown(() => engine.stop())
  engine.server.route('/here', moduleOf('moving'))
  await engine.listen()
  const here = { target: '/here' }
  const statuses = [
    [426, Buffer.from('GET /here HTTP/1.1\r\nHost: x\r\n\r\n')],
    [400, Buffer.from('nonsense\r\n\r\n')],
    [404, upgradeRequest({}, { target: '/elsewhere' })],
    [403, upgradeRequest({ Origin: 'https://theirs.example' }, here)],
    [400, upgradeRequest({ 'Sec-WebSocket-Key': 'short' }, here)],
    [405, upgradeRequest({}, { ...here, method: 'POST' })],
    [426, upgradeRequest({ 'Sec-WebSocket-Version': '12' }, here)],
    [414, upgradeRequest({}, { target: `/here?${'x'.repeat(5000)}` })],
  ] as const
  for (const [status, request] of statuses) {
    const answer = await exchange(await reach(engine, entrance), request)
    t.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), `${status}: ${request.toString().slice(0, 30)}`)
  }
  const reasons = { PATH_NOT_FOUND: 1, ORIGIN_FORBIDDEN: 1, BAD_REQUEST: 1, METHOD_NOT_ALLOWED: 1, URI_TOO_LONG: 1 }
  t.match(engine.server.stats().rejected.reasons, { ...reasons, UPGRADE_REQUIRED: 1 })

  const client = await connectTo(engine, entrance, '/here', ['v2', 'v1'], { origin: 'https://ours.example' })
  t.equal(client.socket.protocol, 'v1')
  const full = await exchange(await reach(engine, entrance), upgradeRequest({}, here))
  t.match(full, /^HTTP\/1\.1 503 .*Retry-After: /s)
  t.equal(engine.server.stats().rejected.reasons.OVER_CAPACITY, 1)
  t.equal(client.socket.readyState, WebSocket.OPEN)
  client.socket.terminate()
  await once(client.socket, 'close')
  await eventually('its slot is free', () => engine.server.getConnections().length === 0)
  await connectTo(engine, entrance, '/here')
}
