import { once } from 'node:events'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { CERTIFICATE, EXAMPLE_CERTIFICATE, REPLACED_CERTIFICATE } from '../fixtures/certificate.ts'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import {
  connectTo,
  ENTRANCES,
  type EntranceUnderTest,
  exchange,
  nameShown,
  reach,
} from '../fixtures/entrances-under-test.ts'
import { moduleOf } from '../fixtures/handlers/ways.ts'
import { eventually } from '../fixtures/journal.ts'
import { upgradeRequest } from '../fixtures/raw-request.ts'

const secured = ENTRANCES.filter(({ isSecure }) => isSecure)

async function secure({ port }: EngineUnderTest, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  await once(socket, 'secureConnect')
  return socket
}

async function nameFor(engine: EngineUnderTest, servername: string): Promise<string> {
  const socket = await secure(engine, { servername })
  const name = nameShown(socket)
  socket.destroy()
  return name
}

for (const entrance of secured) {
  t.test(entrance.name, async (t) => {
    t.test('certificates by server name, and the fallback for unknown names and none', async (t) => {
      const sni = { 'Example.org': EXAMPLE_CERTIFICATE, '*.example.net': REPLACED_CERTIFICATE }
      const engine = await EngineUnderTest.start(t, { ...entrance.options, shards: 1, tls: { ...CERTIFICATE, sni } })
      t.equal(await nameFor(engine, 'example.org'), 'example.org')
      t.equal(await nameFor(engine, 'EXAMPLE.ORG'), 'example.org')
      t.equal(await nameFor(engine, 'a.example.net'), 'replaced.test')
      for (const other of ['example.net', 'b.a.example.net', 'a.example.org', 'unknown.test', '']) {
        t.equal(await nameFor(engine, other), 'localhost', other)
      }
    })

    t.test('without a fallback, unknown names are refused and counted', async (t) => {
      const tls = { sni: { 'example.org': EXAMPLE_CERTIFICATE } }
      const engine = await EngineUnderTest.start(t, { ...entrance.options, shards: 1, tls })
      t.equal(await nameFor(engine, 'example.org'), 'example.org')
      await t.rejects(nameFor(engine, 'unknown.test'))
      await eventually('it is counted', () => engine.server.stats().rejected.reasons.TLS_FAILED === 1)
      t.equal(await nameFor(engine, 'example.org'), 'example.org')
    })

    t.test('http/1.1 is agreed on by ALPN, and nothing else', async (t) => {
      const engine = await EngineUnderTest.start(t, { ...entrance.options, shards: 1 })
      const socket = await secure(engine, { ALPNProtocols: ['h2', 'http/1.1'] })
      t.equal(socket.alpnProtocol, 'http/1.1')
      socket.destroy()
      await t.rejects(secure(engine, { ALPNProtocols: ['h2'] }))
      await eventually('it is counted', () => engine.server.stats().rejected.reasons.TLS_FAILED === 1)
    })

    t.test('a certificate is replaced: open connections stay, new ones and new shards have it', async (t) => {
      const handler = moduleOf('moving')
      const engine = await EngineUnderTest.start(t, {
        ...entrance.options,
        shards: 2,
        placement: 'round-robin',
        handler,
      })
      const before = await connectTo(engine, entrance)
      engine.server.setSecureContext({ ...REPLACED_CERTIFICATE, sni: { 'example.org': EXAMPLE_CERTIFICATE } })
      // The shards have it when a later command of main's has been obeyed.
      const shown = async (): Promise<string[]> => [await nameFor(engine, ''), await nameFor(engine, '')]
      await untilShown(shown, 'replaced.test')
      t.equal(await nameFor(engine, 'example.org'), 'example.org')
      await engine.server.resize(3)
      const names = [...(await shown()), await nameFor(engine, '')]
      t.same(names, ['replaced.test', 'replaced.test', 'replaced.test'])
      before.socket.send('still here')
      t.equal(await before.nextText(), 'still here')
    })

    t.test('what is no certificate throws, and the former one stays', async (t) => {
      const engine = await EngineUnderTest.start(t, { ...entrance.options, shards: 1 })
      for (const wrong of [
        {},
        { cert: CERTIFICATE.cert },
        { cert: 'x', key: 'y' },
        { ...CERTIFICATE, key: EXAMPLE_CERTIFICATE.key },
        { ...CERTIFICATE, sni: { 'a b': EXAMPLE_CERTIFICATE } },
        { ...CERTIFICATE, sni: { 'example.org': {} } },
        { ...CERTIFICATE, SNICallback: () => {} },
        5,
      ]) {
        t.throws(() => engine.server.setSecureContext(wrong as never), { name: 'ShardwsError' }, JSON.stringify(wrong))
      }
      t.equal(await nameFor(engine, ''), 'localhost')
    })

    t.test('a session that one shard has begun is resumed by another', async (t) => {
      const placement = 'round-robin'
      const engine = await EngineUnderTest.start(t, { ...entrance.options, shards: 2, placement })
      const first = await secure(engine)
      const [session] = (await once(first, 'session')) as [Buffer]
      first.destroy()
      for (let i = 0; i < 2; i++) {
        const next = await secure(engine, { session })
        t.equal(next.isSessionReused(), true)
        next.destroy()
      }
    })

    t.test(
      'a client certificate is asked for, and verifyClient sees it',
      async (t) => await clientCertificates(t, entrance),
    )
  })
}

async function untilShown(shown: () => Promise<string[]>, name: string): Promise<void> {
  for (let names = await shown(); names.some((each) => each !== name); ) names = await shown()
}

async function clientCertificates(t: Test, entrance: EntranceUnderTest): Promise<void> {
  const seen: unknown[] = []
  const engine = await EngineUnderTest.start(t, {
    ...entrance.options,
    shards: 1,
    tls: { ...CERTIFICATE, ca: EXAMPLE_CERTIFICATE.cert, requestCert: true },
    verifyClient({ socket }) {
      const { authorized } = socket as TLSSocket
      seen.push([authorized, nameShown(socket as TLSSocket)])
      return authorized
    },
  })
  await connectTo(engine, entrance, '/', [], EXAMPLE_CERTIFICATE)
  t.same(seen, [[true, 'example.org']])
  // In TLS 1.3 a client learns that it is refused with the first read.
  const anonymous = await reach(engine, entrance)
  t.equal(await exchange(anonymous, upgradeRequest()), '')
  await eventually('it is counted', () => engine.server.stats().rejected.reasons.TLS_FAILED === 1)
  t.equal(seen.length, 1)
}

t.test('without options.tls there is nothing to replace', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 0 })
  t.throws(() => engine.server.setSecureContext(CERTIFICATE), {
    code: 'ARGUMENT_INVALID',
    message: /give options\.tls/,
  })
  await engine.server.shutdown()
  t.throws(() => engine.server.setSecureContext(CERTIFICATE), { code: 'SERVER_CLOSED' })
})
