import t from 'tap'
import { Counter } from '../../src/shared/counters.ts'
import { type FrameSpec, RawOpcode } from '../fixtures/raw-frame.ts'
import { shown, TestConnection } from '../fixtures/test-connection.ts'

const QUIET = { pingIntervalMs: 0, livenessMs: 0, idleTimeoutMs: 0, maxLifetimeMs: 0 }
const TEXT: FrameSpec = { opcode: RawOpcode.Text, payload: 'hello' }
const PONG: FrameSpec = { opcode: RawOpcode.Pong, payload: '' }
const PING: FrameSpec = { opcode: RawOpcode.Ping, payload: 'p' }

function frames(spec: FrameSpec, count: number): FrameSpec[] {
  return Array.from({ length: count }, () => spec)
}

function failuresOf({ told }: TestConnection): unknown[] {
  return told.filter(([name]) => name === 'failed').map(([, code]) => code)
}

t.test('pings and pongs', async (t) => {
  t.test('a ping is answered with its own payload', async (t) => {
    const test = new TestConnection()
    test.receive({ opcode: RawOpcode.Ping, payload: 'a' }, { opcode: RawOpcode.Ping, payload: '' })
    t.same((await test.sent()).map(shown), ['10:a', '10:'])
    t.same(test.told, [])
  })

  t.test('a peer that does not read its pongs gets no more of them than maxPendingPongs', async (t) => {
    const test = new TestConnection({ maxPendingPongs: 2, maxControlRate: 0 })
    test.socket.block()
    test.connection.outbound.send(Buffer.alloc(1), 0)
    await test.sent()
    for (let i = 0; i < 1000; i++) test.receive({ opcode: RawOpcode.Ping, payload: 'x'.repeat(48) })
    t.equal(test.connection.outbound.bufferedBytes, 3 + 2 * 50)
    t.equal(test.counters.get(Counter.COALESCED_PONGS), 998)
  })

  t.test('a pong is noted, not answered and not told', async (t) => {
    const test = new TestConnection()
    test.clock.epochMs = 777
    test.receive({ opcode: RawOpcode.Pong, payload: 'x' })
    t.equal(test.table.lastPong(test.key), 777)
    t.equal(test.counters.get(Counter.PONGS_RECEIVED), 1)
    t.same(await test.sent(), [])
  })

  t.test('main may ping and pong', async (t) => {
    const test = new TestConnection()
    test.connection.ping(Buffer.from('a'))
    test.connection.outbound.pong(Buffer.from('b'))
    t.same((await test.sent()).map(shown), ['9:a', '10:b'])
    t.equal(test.counters.get(Counter.PINGS_SENT), 1)
  })
})

t.test('row 26: maxControlRate', async (t) => {
  for (const [name, frame] of [
    ['pings', PING],
    ['unasked pongs', PONG],
  ] as const) {
    t.test(`${name}: limit - 1, limit, and one more`, async (t) => {
      const test = new TestConnection({ ...QUIET, maxControlRate: 10 })
      test.receive(...frames(frame, 9))
      test.receive(frame)
      t.same(test.told, [])
      test.receive(frame)
      t.same(failuresOf(test), ['CONTROL_FLOOD'])
      const sent = (await test.sent()).map(shown)
      t.equal(sent.at(-1), 'close 1008 more pings and pongs a second than maxControlRate')
      t.same(sent.slice(0, -1), frame === PING ? Array(10).fill(`${RawOpcode.Pong}:p`) : [])
    })
  }

  t.test('both together; messages cost nothing', async (t) => {
    const test = new TestConnection({ ...QUIET, maxControlRate: 10 })
    for (let i = 0; i < 5; i++) test.receive(PING, TEXT, PONG)
    t.same(failuresOf(test), [])
    test.receive(PONG)
    test.connection.conclude()
    t.same(failuresOf(test), ['CONTROL_FLOOD'])
  })

  t.test('a second brings as many again', async (t) => {
    const test = new TestConnection({ ...QUIET, maxControlRate: 10 })
    for (let i = 0; i < 5; i++) {
      test.receive(...frames(PING, 10))
      test.pass(1000)
    }
    t.same(test.told, [])
  })

  t.test('pongs that answer our pings are free', async (t) => {
    const test = new TestConnection({ ...QUIET, maxControlRate: 10 })
    for (let i = 0; i < 50; i++) test.connection.ping(Buffer.alloc(0))
    test.receive(...frames(PONG, 50))
    test.receive(...frames(PONG, 10))
    t.same(test.told, [])
    t.equal(test.counters.get(Counter.PONGS_RECEIVED), 60)
    test.receive(PONG)
    t.same(failuresOf(test), ['CONTROL_FLOOD'])
    t.equal(test.counters.get(Counter.PONGS_RECEIVED), 60, 'the one too many is not received')
  })

  t.test('0 is no limit', async (t) => {
    const test = new TestConnection({ ...QUIET, maxControlRate: 0 })
    test.receive(...frames(PING, 5000))
    t.same(test.told, [])
    t.equal((await test.sent()).length, 5000)
  })

  t.test('those that piled up while the connection was not read are no flood', async (t) => {
    const test = new TestConnection({ ...QUIET, maxControlRate: 10 })
    test.connection.pause()
    test.pass(6000)
    test.connection.resume()
    test.receive(...frames(PING, 60))
    t.same(test.told, [])
    test.receive(...frames(PING, 11))
    t.same(failuresOf(test), ['CONTROL_FLOOD'])
  })

  t.test('nothing behind the one too many counts', async (t) => {
    const test = new TestConnection({ ...QUIET, maxControlRate: 1 })
    test.receive(PING, PING, PING, TEXT)
    t.same(failuresOf(test), ['CONTROL_FLOOD'])
    t.notOk(test.names().includes('received'))
    t.equal(test.counters.get(Counter.PROTOCOL_ERRORS), 1)
  })
})

t.test('row 26: maxPendingPongs', async (t) => {
  /** A connection whose socket takes nothing more, after one message. */
  async function blocked(maxPendingPongs = 3): Promise<TestConnection> {
    const test = new TestConnection({ ...QUIET, maxPendingPongs })
    test.socket.block()
    test.connection.outbound.send(Buffer.from('m'), 0)
    await test.sent()
    return test
  }

  function pings(test: TestConnection, ...texts: string[]): void {
    for (const payload of texts) test.receive({ opcode: RawOpcode.Ping, payload })
  }

  async function pongs(test: TestConnection): Promise<string[]> {
    test.socket.unblock()
    const sent = await test.sent()
    return sent.filter(({ opcode }) => opcode === RawOpcode.Pong).map(({ payload }) => payload.toString())
  }

  t.test('limit - 1 and limit are all answered', async (t) => {
    for (const texts of [
      ['a', 'b'],
      ['a', 'b', 'c'],
    ]) {
      const test = await blocked()
      pings(test, ...texts)
      t.same(await pongs(test), texts)
      t.equal(test.counters.get(Counter.COALESCED_PONGS), 0)
    }
  })

  t.test(
    'one more: once the peer reads, the latest is answered, and what was left out until then is counted',
    async (t) => {
      const test = await blocked()
      pings(test, 'a', 'b', 'c', 'd', 'e', 'f')
      t.same(test.told, [['limited', 'maxPendingPongs']], 'told once')
      t.same(await pongs(test), ['a', 'b', 'c', 'f'])
      t.equal(test.counters.get(Counter.COALESCED_PONGS), 3)
    },
  )

  t.test('a peer that reads, but never all that is queued, gets its pongs', async (t) => {
    const test = await blocked(2)
    for (let i = 0; i < 10; i++) {
      pings(test, `${i}`)
      test.connection.outbound.send(Buffer.from('m'), 0)
      test.socket.takeOne()
      await test.sent()
    }
    t.equal(test.counters.get(Counter.COALESCED_PONGS), 0)
  })

  t.test('once the peer has read, everything begins anew', async (t) => {
    const test = await blocked()
    pings(test, 'a', 'b', 'c', 'd')
    await pongs(test)
    pings(test, '1', '2', '3', '4', '5')
    t.same(await pongs(test), ['1', '2', '3', '4', '5'], 'a peer that reads gets all')
    test.socket.block()
    test.connection.outbound.send(Buffer.from('m'), 0)
    await test.sent()
    pings(test, 'a', 'b', 'c', 'd')
    t.same(await pongs(test), ['a', 'b', 'c', 'd'])
  })

  t.test('a peer that reads is never short of pongs', async (t) => {
    const test = new TestConnection({ ...QUIET, maxPendingPongs: 1 })
    pings(test, ...'abcdefghij')
    t.equal((await test.sent()).length, 10)
    t.equal(test.counters.get(Counter.COALESCED_PONGS), 0)
  })

  t.test('nothing is owed to a connection that is closing', async (t) => {
    const test = await blocked()
    pings(test, 'a', 'b', 'c', 'd')
    test.connection.close(1000, '')
    t.same(await pongs(test), ['a', 'b', 'c'])
  })
})
