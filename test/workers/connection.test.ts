import { once } from 'node:events'
import t from 'tap'
import { ReadyState } from '../../src/shared/connection-table.ts'
import { Counter } from '../../src/shared/counters.ts'
import { encodeFrame, type FrameSpec, RawOpcode, type ReceivedFrame } from '../fixtures/raw-frame.ts'
import { TestConnection } from '../fixtures/test-connection.ts'

const TEXT: FrameSpec = { opcode: RawOpcode.Text, payload: 'hello' }
const VIOLATION: FrameSpec = { opcode: 3 }
const NEVER = { pingIntervalMs: 0, livenessMs: 0, idleTimeoutMs: 0, maxLifetimeMs: 0 }

function closeFrame(code: number, reason = ''): FrameSpec {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason))
  payload.writeUInt16BE(code)
  payload.write(reason, 2)
  return { opcode: RawOpcode.Close, payload }
}

/** Opcode and payload; of a close frame code and reason. */
function shown({ opcode, payload }: ReceivedFrame): string {
  if (opcode !== RawOpcode.Close) return `${opcode}:${payload.toString()}`
  return payload.length === 0 ? 'close' : `close ${payload.readUInt16BE()} ${payload.toString('utf8', 2)}`
}

t.test('opening', async (t) => {
  t.test('what the client sent behind its handshake is read', async (t) => {
    const test = new TestConnection({}, { isAttached: false })
    test.connection.open(test.socket, encodeFrame(TEXT))
    t.same(test.told, [['received', 'hello', false]])
    t.ok(test.table.lastActivity(test.key) > 0)
  })

  t.test('what main sends before the socket arrives goes out when it does', async (t) => {
    const test = new TestConnection({}, { isAttached: false })
    test.connection.send(Buffer.from('early'), false)
    t.equal(test.connection.readyState, ReadyState.OPEN)
    t.same(await test.sent(), [])
    test.connection.open(test.socket, null)
    t.same((await test.sent()).map(shown), ['1:early'])
  })

  t.test('terminated before the socket arrives', async (t) => {
    const test = new TestConnection({}, { isAttached: false })
    test.connection.send(Buffer.from('early'), false)
    test.connection.terminate()
    test.connection.open(test.socket, encodeFrame(TEXT))
    await once(test.socket, 'close')
    t.same(test.told, [['closed', 1006, '']])
    t.same(test.socket.writes, [])
    t.equal(test.outbox.heldBytes, 0)
  })

  t.test('a socket that never arrives', async (t) => {
    const test = new TestConnection({}, { isAttached: false })
    test.connection.send(Buffer.from('early'), false)
    test.connection.abandon()
    t.match(test.told, [['closed', 1006, String]])
    t.same(test.asked, ['remove'])
    t.equal(test.table.readyState(test.key), ReadyState.CLOSED)
    t.equal(test.outbox.heldBytes, 0)
  })
})

t.test('messages in', async (t) => {
  t.test('reach main and are counted', async (t) => {
    const test = new TestConnection()
    test.clock.epochMs = 123_456
    test.receive(TEXT, { opcode: RawOpcode.Binary, payload: 'bytes!' })
    t.same(test.told, [
      ['received', 'hello', false],
      ['received', 'bytes!', true],
    ])
    t.equal(test.counters.get(Counter.MESSAGES_RECEIVED), 2)
    t.equal(test.counters.get(Counter.BYTES_RECEIVED), 11)
    t.equal(test.counters.get(Counter.WIRE_BYTES_IN), 11 + 2 * 6)
    t.equal(test.table.messagesReceived(test.key), 2)
    t.equal(test.table.bytesReceived(test.key), 11)
    t.equal(test.table.lastActivity(test.key), 123_456)
  })

  t.test('without credit reading pauses, once, until it is told to go on', async (t) => {
    const test = new TestConnection()
    test.receive(TEXT)
    t.notOk(test.socket.isPaused())
    test.hasCredit = false
    test.receive(TEXT, TEXT)
    t.ok(test.socket.isPaused())
    t.same(test.asked, ['pause'])
    t.equal(test.names().length, 3, 'what had been read is not lost')
    test.connection.resumeReading()
    t.notOk(test.socket.isPaused())
  })
})

t.test('messages out', async (t) => {
  t.test('of a tick are one write, counted by payload', async (t) => {
    const test = new TestConnection()
    const shared = encodeFrame({ opcode: RawOpcode.Text, payload: 'all', mask: false })
    test.connection.send(Buffer.from('text'), false)
    test.connection.send(Buffer.from('bytes'), true)
    test.connection.sendFrame(encodeFrame({ opcode: RawOpcode.Binary, payload: 'long', mask: false }), 4)
    test.connection.sendShared(shared, 3)
    t.same((await test.sent()).map(shown), ['1:text', '2:bytes', '2:long', '1:all'])
    t.equal(test.socket.writes.length, 1)
    t.equal(test.counters.get(Counter.MESSAGES_SENT), 4)
    t.equal(test.counters.get(Counter.BYTES_SENT), 16)
    t.equal(test.counters.get(Counter.WIRE_BYTES_OUT), 16 + 4 * 2)
    t.equal(test.table.bytesSent(test.key), 16)
    t.equal(test.table.takenBytes(test.key), 13, 'a broadcast was not on its way to this connection alone')
  })

  t.test('while the peer does not read, main sees how much waits', async (t) => {
    const test = new TestConnection()
    test.socket.block()
    test.connection.send(Buffer.alloc(98), true)
    await test.sent()
    t.equal(test.table.queuedBytes(test.key), 100)
    test.connection.send(Buffer.alloc(48), true)
    t.equal(test.table.queuedBytes(test.key), 150)
    test.socket.unblock()
    await test.sent()
    t.equal(test.table.queuedBytes(test.key), 0)
  })

  t.test('drained is told at once when nothing is blocked, else when it is over, once', async (t) => {
    const test = new TestConnection()
    test.connection.notifyDrain()
    t.same(test.told, [['drained']])
    test.socket.block()
    test.connection.send(Buffer.alloc(98), true)
    await test.sent()
    test.connection.notifyDrain()
    test.connection.notifyDrain()
    t.equal(test.told.length, 1)
    test.socket.unblock()
    await test.sent()
    t.same(test.told, [['drained'], ['drained']])
  })

  t.test('a connection that dies while blocked has not drained', async (t) => {
    const test = new TestConnection()
    test.socket.block()
    test.connection.send(Buffer.alloc(98), true)
    await test.sent()
    test.connection.notifyDrain()
    test.connection.terminate()
    await once(test.socket, 'close')
    t.same(test.told, [['closed', 1006, '']])
  })
})

t.test('a peer that reads too slowly', async (t) => {
  const shared = (bytes: number): Buffer =>
    encodeFrame({ opcode: RawOpcode.Binary, payload: Buffer.alloc(bytes - 2), mask: false })

  /** Blocked, with 100 bytes of 120 in the queue. */
  async function slow(slowConsumer: 'drop' | 'close' | 'buffer'): Promise<TestConnection> {
    const test = new TestConnection({ slowConsumer, maxBackpressure: 120 })
    test.socket.block()
    test.connection.sendShared(shared(100), 98)
    await test.sent()
    return test
  }

  t.test('drop: what does not fit is dropped and told once, and drained when there is room', async (t) => {
    const test = await slow('drop')
    test.connection.sendShared(shared(20), 18)
    t.same(test.told, [], 'exactly full')
    test.connection.sendShared(shared(3), 1)
    test.connection.sendShared(shared(3), 1)
    t.same(test.told, [['dropped']])
    t.equal(test.counters.get(Counter.DROPPED_MESSAGES), 2)
    t.equal(test.counters.get(Counter.DROPPED_BYTES), 6)
    t.equal(test.counters.get(Counter.MESSAGES_SENT), 2, 'a dropped message was not sent')
    test.socket.unblock()
    t.equal((await test.sent()).length, 2)
    t.same(test.told, [['dropped'], ['drained']])
  })

  t.test('drop: what main has admitted is written all the same', async (t) => {
    const test = await slow('drop')
    test.connection.send(Buffer.alloc(50), true)
    t.same(test.told, [])
    test.socket.unblock()
    t.equal((await test.sent()).length, 2)
  })

  t.test('close: 1013, and what waited is given up', async (t) => {
    const test = await slow('close')
    test.connection.sendShared(shared(20), 18)
    test.connection.send(Buffer.alloc(1), true)
    t.match(test.told, [['failed', 'SLOW_CONSUMER', String]])
    t.equal(test.connection.readyState, ReadyState.CLOSING)
    t.equal(test.counters.get(Counter.SLOW_CONSUMERS), 1)
    test.socket.unblock()
    t.same(
      (await test.sent()).map(({ opcode }) => opcode),
      [RawOpcode.Binary, RawOpcode.Close],
    )
    t.ok(test.socket.hasEnded)
  })

  t.test('buffer: everything is kept', async (t) => {
    const test = await slow('buffer')
    for (let i = 0; i < 10; i++) test.connection.sendShared(shared(100), 98)
    t.equal(test.connection.bufferedBytes, 1100)
    test.socket.unblock()
    t.equal((await test.sent()).length, 11)
  })

  t.test('an empty queue takes any message', async (t) => {
    const test = new TestConnection({ maxBackpressure: 10 })
    test.connection.sendShared(shared(1000), 998)
    t.equal((await test.sent()).length, 1)
  })

  t.test('past the limit of the shard the shard is asked for relief', async (t) => {
    const test = new TestConnection({ maxShardBackpressure: 150 })
    test.socket.block()
    test.connection.send(Buffer.alloc(98), true)
    await test.sent()
    test.connection.send(Buffer.alloc(48), true)
    t.same(test.asked, [], 'exactly at it')
    test.connection.send(Buffer.alloc(1), true)
    t.same(test.asked, ['relieve'])
  })
})

t.test('pings and pongs', async (t) => {
  t.test('a ping is answered with its own payload', async (t) => {
    const test = new TestConnection()
    test.receive({ opcode: RawOpcode.Ping, payload: 'a' }, { opcode: RawOpcode.Ping, payload: '' })
    t.same((await test.sent()).map(shown), ['10:a', '10:'])
    t.same(test.told, [])
  })

  t.test('a peer that does not read its pongs gets no more of them than the queue may hold', async (t) => {
    const test = new TestConnection({ maxBackpressure: 100 })
    test.socket.block()
    for (let i = 0; i < 1000; i++) test.receive({ opcode: RawOpcode.Ping, payload: 'x'.repeat(48) })
    t.ok(test.connection.bufferedBytes <= 200)
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
    test.connection.pong(Buffer.from('b'))
    t.same((await test.sent()).map(shown), ['9:a', '10:b'])
    t.equal(test.counters.get(Counter.PINGS_SENT), 1)
  })
})

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
    test.connection.send(Buffer.from('answer'), false)
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
    test.connection.send(Buffer.from('last'), false)
    test.connection.close(4000, 'bye')
    test.connection.close(4001, 'again')
    test.connection.send(Buffer.from('late'), false)
    test.connection.sendShared(encodeFrame({ opcode: RawOpcode.Text, payload: 'late', mask: false }), 4)
    test.connection.ping(Buffer.alloc(0))
    test.connection.pong(Buffer.alloc(0))
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
    t.match(test.told, [['closed', 1006, String]])
  })

  t.test('at once', async (t) => {
    const test = new TestConnection()
    test.connection.terminate()
    await once(test.socket, 'close')
    t.same(test.told, [['closed', 1006, '']])
    t.same(test.socket.writes, [])
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
    test.connection.send(Buffer.from('answer'), false)
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
    t.same(test.told, [['closed', 1006, 'liveness timeout']])
    t.equal(test.counters.get(Counter.LIVENESS_TIMEOUTS), 1)
  })

  t.test('a peer that is not read is not silent', async (t) => {
    const test = new TestConnection({ ...NEVER, livenessMs: 5000 })
    test.hasCredit = false
    test.receive(TEXT)
    test.pass(60_000)
    t.notOk(test.socket.destroyed)
    test.connection.resumeReading()
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
