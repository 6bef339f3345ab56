import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import t from 'tap'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { connectTo, ENTRANCES, exchange, reach } from '../fixtures/entrances-under-test.ts'
import { moduleOf } from '../fixtures/handlers/ways.ts'
import { noting } from '../fixtures/handshakes.ts'
import { eventually } from '../fixtures/journal.ts'

/** A TCP connection, whatever the server speaks. */
async function tcp({ port }: { readonly port: number }): Promise<Socket> {
  const socket = connectTcp({ port, host: '127.0.0.1' })
  await once(socket, 'connect')
  return socket
}

/** The beginning of a TLS record that announces more than follows. */
const HALF_A_HELLO = Buffer.from('160301020001', 'hex')

for (const entrance of ENTRANCES) {
  t.test(entrance.name, async (t) => {
    t.test('row 61 row 10: one deadline from the accepted connection to the request, counted and logged', async (t) => {
      const records: { code?: string; option?: string }[] = []
      const logger = noting(records)
      const engine = await EngineUnderTest.start(t, {
        ...entrance.options,
        logger,
        shards: 1,
        handshakeTimeoutMs: 300,
        handler: moduleOf('moving'),
      })
      const before = await connectTo(engine, entrance)
      const silent = exchange(await tcp(engine))
      const stalled = exchange(await reach(engine, entrance), 'GET / HTTP/1.1\r\nHost: x\r\n')
      const half = entrance.isSecure ? [exchange(await tcp(engine), HALF_A_HELLO)] : []
      t.equal(await silent, '')
      t.match(await stalled, /^HTTP\/1\.1 408 /)
      for (const answer of half) t.equal(await answer, '')
      const ended = 2 + half.length
      await eventually('all are counted', () => engine.server.stats().rejected.reasons.REQUEST_TIMEOUT === ended)
      t.equal(engine.server.stats().limits.handshakeTimeoutMs, ended)
      t.same(records, Array(ended).fill({ code: 'REQUEST_TIMEOUT', option: 'handshakeTimeoutMs' }))
      // An open connection has no such deadline, and the shard lives.
      before.socket.send('still here')
      t.equal(await before.nextText(), 'still here')
      t.equal(engine.server.stats().rejected.total, ended)
    })

    t.test('row 10: no more incomplete requests than maxPendingHandshakes: the oldest silent one goes', async (t) => {
      const engine = await EngineUnderTest.start(t, { ...entrance.options, shards: 1, maxPendingHandshakes: 3 })
      const ends: number[] = []
      const join = async (index: number): Promise<void> => {
        const socket = await tcp(engine)
        void exchange(socket).then(() => ends.push(index))
      }
      for (const index of [0, 1, 2]) await join(index)
      // Who comes next may have to wait, and is served: three are within the limit, a fourth is one more.
      t.same(ends, [])
      await join(3)
      await eventually('one has ended', () => ends.length === 1)
      await eventually('it is counted', () => engine.server.stats().rejected.reasons.TOO_MANY_HANDSHAKES === 1)
      t.same(ends, [0])
    })
  })
}

const [, secure] = ENTRANCES
if (secure !== undefined) {
  t.test('row 61: what is no TLS ends that connection only, and is counted', async (t) => {
    const engine = await EngineUnderTest.start(t, { ...secure.options, shards: 1, handler: moduleOf('moving') })
    const before = await connectTo(engine, secure)
    const plain = 'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n'
    for (const bytes of [plain, '\0'.repeat(100), '\x16\x03\x01\xff\xff'.repeat(10)]) {
      t.notMatch(await exchange(await tcp(engine), bytes), /HTTP/)
    }
    await eventually('all are counted', () => engine.server.stats().rejected.reasons.TLS_FAILED === 3)
    before.socket.send('still here')
    t.equal(await before.nextText(), 'still here')
    t.equal(engine.server.stats().shardDeaths, 0)
    t.equal(engine.server.stats().evacuations, 0)
    t.same(engine.journal.errors, [])
  })
}
