import { once } from 'node:events'
import t from 'tap'
import { ReadyState } from '../../src/shared/connection-table.ts'
import { Counter } from '../../src/shared/counters.ts'
import { Pause } from '../../workers/inbound.ts'
import { encodeFrame, type FrameSpec, RawOpcode } from '../fixtures/raw-frame.ts'
import { broadcastOf, shown, TestConnection } from '../fixtures/test-connection.ts'

const TEXT: FrameSpec = { opcode: RawOpcode.Text, payload: 'hello' }
const VIOLATION: FrameSpec = { opcode: 3 }
const NEVER = { pingIntervalMs: 0, livenessMs: 0, idleTimeoutMs: 0, maxLifetimeMs: 0 }

function closeFrame(code: number, reason = ''): FrameSpec {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason))
  payload.writeUInt16BE(code)
  payload.write(reason, 2)
  return { opcode: RawOpcode.Close, payload }
}

t.test('the peer closes', async (t) => {
  for (const [name, frame, answer, code, reason] of [
    ['with code and reason', closeFrame(4000, 'bye'), 'close 4000 ', 4000, 'bye'],
    ['without a code', { opcode: RawOpcode.Close }, 'close', 1005, ''],
  ] as const) {
    t.test(name, async (t) => {
      const test = new TestConnection()
      test.receive(frame)
      t.equal(test.connection.readyState, ReadyState.CLOSING)
      t.same((await test.sent()).map(shown), [answer])
      t.ok(test.socket.hasEnded, 'the server ends the TCP connection first')
      test.socket.push(null)
      await once(test.socket.resume(), 'close')
      t.same(test.told, [['closed', code, reason]])
      t.equal(test.table.readyState(test.key), ReadyState.CLOSED)
      t.same(test.asked, ['remove'])
    })
  }

  t.test('after a message: main may answer that before the connection closes', async (t) => {
    const test = new TestConnection()
    test.receive(TEXT, closeFrame(1000))
    t.same(test.names(), ['received', 'finished'])
    t.equal(test.connection.readyState, ReadyState.OPEN)
    test.connection.outbound.send(Buffer.from('answer'), 0)
    test.connection.conclude()
    t.same((await test.sent()).map(shown), ['1:answer', 'close 1000 '])
    t.ok(test.socket.hasEnded)
    test.connection.conclude()
    t.same(await test.sent(), [], 'once')
  })

  t.test('after a message, and main is too busy to answer', async (t) => {
    const test = new TestConnection()
    test.receive(TEXT, closeFrame(1000))
    test.pass(999)
    t.same(await test.sent(), [])
    test.pass(1)
    t.same((await test.sent()).map(shown), ['close 1000 '])
  })

  t.test('a reset after the close frame is the end that was wanted', async (t) => {
    for (const before of [[], [TEXT]]) {
      const test = new TestConnection()
      test.receive(...before, closeFrame(1000))
      test.socket.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))
      await once(test.socket, 'close').catch(() => {})
      while (!test.names().includes('closed')) await test.sent()
      t.notOk(test.names().includes('failed'), `${before.length} messages before`)
      t.same(test.told.at(-1), ['closed', 1000, ''])
      t.equal(test.counters.get(Counter.TRANSPORT_ERRORS), 0)
    }
  })

  t.test('a peer that does not close its end of the TCP connection is cut off', async (t) => {
    const test = new TestConnection()
    test.receive(closeFrame(1000))
    test.pass(999)
    t.notOk(test.socket.destroyed)
    test.pass(1)
    t.ok(test.socket.destroyed)
  })

  t.test('by FIN alone: 1006', async (t) => {
    const test = new TestConnection()
    test.socket.resume().push(null)
    await once(test.socket, 'close')
    t.same(test.told, [['closed', 1006, '']])
  })

  t.test('by reset: an error and 1006', async (t) => {
    const test = new TestConnection()
    test.socket.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))
    while (!test.names().includes('closed')) await test.sent()
    t.same(test.told, [
      ['failed', 'TRANSPORT_FAILED', 'ECONNRESET'],
      ['closed', 1006, ''],
    ])
    t.equal(test.counters.get(Counter.TRANSPORT_ERRORS), 1)
  })
})

t.test('the server closes', async (t) => {
  t.test('code and reason are sent, and nothing behind them', async (t) => {
    const test = new TestConnection()
    test.connection.outbound.send(Buffer.from('last'), 0)
    test.connection.close(4000, 'bye')
    test.connection.close(4001, 'again')
    test.connection.outbound.send(Buffer.from('late'), 0)
    test.connection.sendShared(broadcastOf(encodeFrame({ opcode: RawOpcode.Text, payload: 'late', mask: false }), 4))
    test.connection.ping(Buffer.alloc(0))
    test.connection.outbound.pong(Buffer.alloc(0))
    t.same((await test.sent()).map(shown), ['1:last', 'close 4000 bye'])
    t.equal(test.table.readyState(test.key), ReadyState.CLOSING)
    t.notOk(test.socket.writableEnded, 'it waits for the answer')
    t.equal(test.table.takenBytes(test.key), 8, 'what came too late is no longer on its way either')
  })

  t.test('the answer ends it, and no second close frame is sent', async (t) => {
    const test = new TestConnection()
    test.connection.close(4000, 'bye')
    await test.sent()
    test.receive(closeFrame(4000))
    t.same(await test.sent(), [])
    t.ok(test.socket.hasEnded)
  })

  t.test('without an answer it is terminated at closeTimeoutMs', async (t) => {
    const test = new TestConnection({ closeTimeoutMs: 5000 })
    test.connection.close(1000, '')
    test.pass(4999)
    t.notOk(test.socket.destroyed)
    test.pass(1)
    t.ok(test.socket.destroyed)
    t.equal(test.counters.get(Counter.CLOSE_TIMEOUTS), 1)
    await once(test.socket, 'close')
    t.match(test.told, [
      ['limited', 'closeTimeoutMs'],
      ['closed', 1006, String],
    ])
  })

  t.test('at once', async (t) => {
    const test = new TestConnection()
    test.connection.terminate()
    t.equal(test.connection.readyState, ReadyState.CLOSING)
    t.equal(test.table.readyState(test.key), ReadyState.CLOSING)
    t.notOk(test.connection.outbound.offer('too late', 0))
    test.connection.close(1000, 'too late')
    await once(test.socket, 'close')
    t.same(test.told, [['closed', 1006, '']])
    t.same(test.socket.writes, [])
    test.connection.terminate()
    t.equal(test.connection.readyState, ReadyState.CLOSED, 'it stays closed')
  })
})

t.test('the peer breaks the protocol', async (t) => {
  t.test('it is told why, and heard no more', async (t) => {
    const test = new TestConnection()
    test.receive(VIOLATION, TEXT)
    test.receive(TEXT)
    t.match(test.told, [['failed', 'INVALID_OPCODE', String]])
    t.same((await test.sent()).map(shown), ['close 1002 reserved opcode'])
    t.ok(test.socket.hasEnded)
    t.equal(test.counters.get(Counter.PROTOCOL_ERRORS), 1)
    test.socket.resume().push(null)
    await once(test.socket, 'close')
    t.match(test.told.at(-1), ['closed', 1002, 'reserved opcode'])
  })

  t.test('after a message: main may answer that first, and what comes meanwhile is not heard', async (t) => {
    const test = new TestConnection()
    test.receive(TEXT, VIOLATION)
    test.receive(TEXT)
    test.receive(VIOLATION)
    t.same(test.names(), ['received', 'finished'])
    t.equal(test.counters.get(Counter.PROTOCOL_ERRORS), 1)
    test.connection.outbound.send(Buffer.from('answer'), 0)
    test.connection.conclude()
    t.same((await test.sent()).map(shown), ['1:answer', 'close 1002 reserved opcode'])
    t.equal(test.names().filter((name) => name === 'failed').length, 1)
  })
})

t.test('deadlines', async (t) => {
  t.test('a peer that is silent is terminated, and says why', async (t) => {
    const test = new TestConnection({ ...NEVER, livenessMs: 5000 })
    test.pass(4999)
    t.notOk(test.socket.destroyed)
    test.receive({ opcode: RawOpcode.Pong })
    test.pass(4999)
    test.connection.markAlive()
    test.pass(4999)
    t.notOk(test.socket.destroyed, 'any byte starts it anew, and so does main')
    test.pass(1)
    t.ok(test.socket.destroyed)
    await once(test.socket, 'close')
    t.same(test.told, [
      ['limited', 'livenessMs'],
      ['closed', 1006, 'liveness timeout'],
    ])
    t.equal(test.counters.get(Counter.LIVENESS_TIMEOUTS), 1)
  })

  t.test('a peer that is not read is not silent', async (t) => {
    const test = new TestConnection({ ...NEVER, livenessMs: 5000 })
    test.hasCredit = false
    test.receive(TEXT)
    test.pass(60_000)
    t.notOk(test.socket.destroyed)
    test.connection.resume(Pause.CREDIT)
    test.pass(4999)
    t.notOk(test.socket.destroyed)
    test.pass(1)
    t.ok(test.socket.destroyed)
  })

  t.test('an idle one is closed with 1001', async (t) => {
    const test = new TestConnection({ ...NEVER, idleTimeoutMs: 5000 })
    test.pass(4999)
    t.same(await test.sent(), [])
    test.pass(1)
    t.same((await test.sent()).map(shown), ['close 1001 idle timeout'])
    t.equal(test.counters.get(Counter.IDLE_TIMEOUTS), 1)
  })

  t.test('an old one is closed with 1001', async (t) => {
    const test = new TestConnection({ ...NEVER, maxLifetimeMs: 10_000 })
    test.pass(8999)
    t.same(await test.sent(), [])
    test.receive(TEXT)
    test.pass(2002)
    t.same((await test.sent()).map(shown), ['close 1001 end of lifetime'])
    t.equal(test.counters.get(Counter.LIFETIMES_ENDED), 1)
  })

  t.test('pings go out at their interval', async (t) => {
    const test = new TestConnection({ ...NEVER, pingIntervalMs: 1000 })
    test.pass(899)
    t.same(await test.sent(), [])
    test.pass(202)
    t.same((await test.sent()).map(shown), ['9:'])
    test.pass(999)
    t.same(await test.sent(), [])
    test.pass(1)
    t.same((await test.sent()).map(shown), ['9:'])
    t.equal(test.counters.get(Counter.PINGS_SENT), 2)
  })

  t.test('switched off, nothing ever happens', async (t) => {
    const test = new TestConnection(NEVER)
    test.pass(1e12)
    t.same(await test.sent(), [])
    t.notOk(test.socket.destroyed)
  })
})
