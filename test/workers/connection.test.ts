import { once } from 'node:events'
import t from 'tap'
import { ReadyState } from '../../src/shared/connection-table.ts'
import { Counter } from '../../src/shared/counters.ts'
import { SendFlag } from '../../src/shared/messages.ts'
import { Pause } from '../../workers/inbound.ts'
import { encodeFrame, type FrameSpec, RawOpcode } from '../fixtures/raw-frame.ts'
import { broadcastOf, shown, TestConnection } from '../fixtures/test-connection.ts'

const TEXT: FrameSpec = { opcode: RawOpcode.Text, payload: 'hello' }

t.test('opening', async (t) => {
  t.test('what the client sent behind its handshake is read', async (t) => {
    const test = new TestConnection({}, { isAttached: false })
    test.connection.open(test.socket, encodeFrame(TEXT))
    t.same(test.told, [['received', 'hello', false]])
    t.ok(test.table.lastActivity(test.key) > 0)
  })

  t.test('what main sends before the socket arrives goes out when it does', async (t) => {
    const test = new TestConnection({}, { isAttached: false })
    test.connection.outbound.send(Buffer.from('early'), 0)
    t.equal(test.connection.readyState, ReadyState.OPEN)
    t.same(await test.sent(), [])
    test.connection.open(test.socket, null)
    t.same((await test.sent()).map(shown), ['1:early'])
  })

  t.test('once the socket has taken what waited for it, nothing is queued any more', async (t) => {
    const test = new TestConnection({}, { isAttached: false })
    test.connection.outbound.send(Buffer.alloc(98), SendFlag.BINARY)
    test.connection.outbound.notifyDrain()
    t.equal(test.table.queuedBytes(test.key), 100)
    t.same(test.told, [])
    test.connection.open(test.socket, null)
    await test.sent()
    t.equal(test.table.queuedBytes(test.key), 0, 'or main would refuse to send for ever')
    t.same(test.told, [['drained']])
  })

  t.test('who asked before the socket arrived, with nothing queued, is told too', async (t) => {
    const test = new TestConnection({}, { isAttached: false })
    test.connection.outbound.notifyDrain()
    test.connection.open(test.socket, null)
    await test.sent()
    t.same(test.told, [['drained']])
  })

  t.test('a socket that arrives and does not take it all', async (t) => {
    const test = new TestConnection({}, { isAttached: false })
    test.connection.outbound.send(Buffer.alloc(98), SendFlag.BINARY)
    test.connection.outbound.notifyDrain()
    test.socket.block()
    test.connection.open(test.socket, null)
    await test.sent()
    t.equal(test.table.queuedBytes(test.key), 100)
    t.same(test.told, [])
    test.socket.unblock()
    await test.sent()
    t.equal(test.table.queuedBytes(test.key), 0)
    t.same(test.told, [['drained']])
  })

  t.test('terminated before the socket arrives', async (t) => {
    const test = new TestConnection({}, { isAttached: false })
    test.connection.outbound.send(Buffer.from('early'), 0)
    test.connection.terminate()
    test.connection.open(test.socket, encodeFrame(TEXT))
    await once(test.socket, 'close')
    t.same(test.told, [['closed', 1006, '']])
    t.same(test.socket.writes, [])
    t.equal(test.outbox.heldBytes, 0)
  })

  t.test('a socket that never arrives', async (t) => {
    const test = new TestConnection({}, { isAttached: false })
    test.connection.outbound.send(Buffer.from('early'), 0)
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
    t.same(test.asked, ['credit'])
    t.equal(test.names().length, 3, 'what had been read is not lost')
    test.connection.resume(Pause.CREDIT)
    t.notOk(test.socket.isPaused())
  })
})

t.test('messages out', async (t) => {
  t.test('of a tick are one write, counted by payload', async (t) => {
    const test = new TestConnection()
    const shared = encodeFrame({ opcode: RawOpcode.Text, payload: 'all', mask: false })
    test.connection.outbound.send(Buffer.from('text'), 0)
    test.connection.outbound.send(Buffer.from('bytes'), SendFlag.BINARY)
    test.connection.outbound.sendFrame(
      encodeFrame({ opcode: RawOpcode.Binary, payload: 'long', mask: false }),
      4,
      SendFlag.BINARY,
    )
    test.connection.sendShared(broadcastOf(shared, 3))
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
    test.connection.outbound.send(Buffer.alloc(98), SendFlag.BINARY)
    await test.sent()
    t.equal(test.table.queuedBytes(test.key), 100)
    test.connection.outbound.send(Buffer.alloc(48), SendFlag.BINARY)
    t.equal(test.table.queuedBytes(test.key), 150)
    test.socket.unblock()
    await test.sent()
    t.equal(test.table.queuedBytes(test.key), 0)
  })

  t.test('drained is told at once when nothing is blocked, else when it is over, once', async (t) => {
    const test = new TestConnection()
    test.connection.outbound.notifyDrain()
    t.same(test.told, [['drained']])
    test.socket.block()
    test.connection.outbound.send(Buffer.alloc(98), SendFlag.BINARY)
    await test.sent()
    test.connection.outbound.notifyDrain()
    test.connection.outbound.notifyDrain()
    t.equal(test.told.length, 1)
    test.socket.unblock()
    await test.sent()
    t.same(test.told, [['drained'], ['drained']])
  })

  t.test('a connection that dies while blocked has not drained', async (t) => {
    const test = new TestConnection()
    test.socket.block()
    test.connection.outbound.send(Buffer.alloc(98), SendFlag.BINARY)
    await test.sent()
    test.connection.outbound.notifyDrain()
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
    test.connection.sendShared(broadcastOf(shared(100), 98))
    await test.sent()
    return test
  }

  t.test('drop: what does not fit is dropped and told once, and drained when there is room', async (t) => {
    const test = await slow('drop')
    test.connection.sendShared(broadcastOf(shared(20), 18))
    t.same(test.told, [], 'exactly full')
    test.connection.sendShared(broadcastOf(shared(3), 1))
    test.connection.sendShared(broadcastOf(shared(3), 1))
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
    test.connection.outbound.send(Buffer.alloc(50), SendFlag.BINARY)
    t.same(test.told, [])
    test.socket.unblock()
    t.equal((await test.sent()).length, 2)
  })

  t.test('close: 1013, and what waited is given up', async (t) => {
    const test = await slow('close')
    test.connection.sendShared(broadcastOf(shared(20), 18))
    test.connection.outbound.send(Buffer.alloc(1), SendFlag.BINARY)
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
    for (let i = 0; i < 10; i++) test.connection.sendShared(broadcastOf(shared(100), 98))
    t.equal(test.connection.outbound.bufferedBytes, 1100)
    test.socket.unblock()
    t.equal((await test.sent()).length, 11)
  })

  t.test('an empty queue takes any message', async (t) => {
    const test = new TestConnection({ maxBackpressure: 10 })
    test.connection.sendShared(broadcastOf(shared(1000), 998))
    t.equal((await test.sent()).length, 1)
  })

  t.test('past the limit of the shard the shard is asked for relief', async (t) => {
    const test = new TestConnection({ maxShardBackpressure: 150 })
    test.socket.block()
    test.connection.outbound.send(Buffer.alloc(98), SendFlag.BINARY)
    await test.sent()
    test.connection.outbound.send(Buffer.alloc(48), SendFlag.BINARY)
    t.same(test.asked, [], 'exactly at it')
    test.connection.outbound.send(Buffer.alloc(1), SendFlag.BINARY)
    t.same(test.asked, ['relieve'])
  })
})
