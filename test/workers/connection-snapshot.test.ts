import { constants, createDeflateRaw } from 'node:zlib'
import t from 'tap'
import { ReadyState } from '../../src/shared/connection-table.ts'
import { Counter } from '../../src/shared/counters.ts'
import { SendFlag } from '../../src/shared/messages.ts'
import { Pause } from '../../workers/inbound.ts'
import { encodeFrame, encodeFrames, type FrameSpec, RawOpcode } from '../fixtures/raw-frame.ts'
import { shown, TestConnection } from '../fixtures/test-connection.ts'
import { KEEPING } from './compression-samples.ts'

const TEXT: FrameSpec = { opcode: RawOpcode.Text, payload: 'hello' }
const PING: FrameSpec = { opcode: RawOpcode.Ping, payload: 'p' }
const PONG: FrameSpec = { opcode: RawOpcode.Pong }
const QUIET = { pingIntervalMs: 0, livenessMs: 0, idleTimeoutMs: 0, maxLifetimeMs: 0 }

t.test('input', async (t) => {
  t.test('half a message, half a frame, at any byte', async (t) => {
    const bytes = encodeFrames([
      { opcode: RawOpcode.Text, payload: 'grüß', fin: false },
      PING,
      { opcode: RawOpcode.Continuation, payload: ' dich' },
      TEXT,
    ])
    for (let at = 0; at <= bytes.length; at++) {
      const test = new TestConnection(QUIET)
      test.connection.onRead(Buffer.from(bytes.subarray(0, at)))
      const sent = await test.sent()
      const next = test.move()
      next.connection.onRead(Buffer.from(bytes.subarray(at)))
      sent.push(...(await next.sent()))
      const messages = ['grüß dich', 'hello'].map((text) => ['received', text, false])
      if (!t.same([...test.told, ...next.told], messages, `cut at ${at}`)) break
      t.same(sent.map(shown), [`${RawOpcode.Pong}:p`])
    }
  })

  t.test('the time of a message under way goes on', async (t) => {
    const test = new TestConnection({ ...QUIET, messageTimeoutMs: 1000 })
    test.connection.onRead(encodeFrame(TEXT).subarray(0, 3))
    test.pass(600)
    const next = test.move()
    next.pass(399)
    t.same(next.told, [])
    next.pass(1)
    t.match(next.told, [['failed', 'MESSAGE_TIMEOUT']])
  })

  t.test('a pong that was asked for before is no flood after', async (t) => {
    const test = new TestConnection({ ...QUIET, maxControlRate: 1 })
    for (let i = 0; i < 3; i++) test.connection.ping(Buffer.alloc(0))
    await test.sent()
    test.receive(PONG)
    const next = test.move()
    next.receive(PONG, PONG, PONG)
    t.same(next.told, [])
    next.receive(PONG)
    t.match(next.told, [['failed', 'CONTROL_FLOOD']])
  })

  t.test('who is held back for its rate stays so, and its overdraft goes along', async (t) => {
    const rateLimit = {
      messages: 10,
      perMs: 1000,
      burst: 10,
      bytesPerSecond: 0,
      action: 'pause' as const,
      graceMs: 0,
    }
    const test = new TestConnection({ ...QUIET, rateLimit })
    test.receive(...Array<FrameSpec>(15).fill(TEXT))
    t.ok(test.socket.isPaused())
    const next = test.move()
    next.pass(999)
    t.ok(next.socket.isPaused())
    next.pass(1)
    t.notOk(next.socket.isPaused())
  })

  t.test('main may answer what came before the move when the peer closes after it', async (t) => {
    const test = new TestConnection()
    test.receive(TEXT)
    const next = test.move()
    next.receive({ opcode: RawOpcode.Close })
    t.same(next.names(), ['finished'])
  })

  t.test('a peer that keeps its context is understood', async (t) => {
    const deflate = createDeflateRaw()
    const frame = async (): Promise<FrameSpec> => {
      deflate.write(Buffer.from('the same again, and the same again'))
      await new Promise<void>((resolve) => deflate.flush(constants.Z_SYNC_FLUSH, resolve))
      const body = deflate.read() as Buffer
      return { opcode: RawOpcode.Text, rsv: 4, payload: body.subarray(0, -4) }
    }
    let test = new TestConnection(QUIET, { agreement: KEEPING })
    for (let i = 0; i < 5; i++) {
      test.receive(await frame())
      t.same(test.told, [['received', 'the same again, and the same again', false]])
      test = test.move()
    }
  })

  t.test('main goes on hearing of pings', async (t) => {
    const test = new TestConnection()
    t.notOk(test.move().connection.snapshot().pings.isWatched)
    const watched = new TestConnection()
    watched.connection.pings.watch()
    t.ok(watched.move().connection.snapshot().pings.isWatched)
  })

  t.test('moving is no activity', async (t) => {
    const test = new TestConnection({}, { isAttached: false })
    test.table.setLastActivity(test.key, 12)
    test.connection.open(test.socket, null)
    t.equal(test.table.lastActivity(test.key), 12)
  })
})

t.test('deadlines go on by the clock of the other shard', async (t) => {
  const test = new TestConnection({ ...QUIET, idleTimeoutMs: 5000 })
  test.pass(3000)
  const next = test.move()
  next.pass(1999)
  t.same(await next.sent(), [])
  next.pass(1)
  t.same((await next.sent()).map(shown), ['close 1001 idle timeout'])
})

t.test('while it is not read, a peer is not silent', async (t) => {
  const test = new TestConnection({ ...QUIET, livenessMs: 5000 })
  test.hasCredit = false
  test.receive(TEXT)
  test.pass(60_000)
  const next = test.move()
  next.pass(4999)
  t.notOk(next.socket.destroyed)
  next.pass(1)
  t.ok(next.socket.destroyed)
})

t.test('output', async (t) => {
  t.test('what is queued and not written goes out after the move, in order, before what follows', async (t) => {
    const test = new TestConnection()
    test.connection.outbound.send(Buffer.from('written'), 0)
    const first = await test.sent()
    const large = Buffer.alloc(20_000, 'x')
    test.connection.outbound.send(Buffer.from('one'), 0)
    test.connection.outbound.send(large, SendFlag.BINARY)
    test.connection.outbound.send(Buffer.from('three'), 0)
    const next = test.move()
    next.connection.outbound.send(Buffer.from('four'), 0)
    t.same(await test.sent(), [], 'not by the old shard')
    t.same([...first, ...(await next.sent())].map(shown), ['1:written', '1:one', `2:${large}`, '1:three', '1:four'])
    for (const each of [test, next]) {
      t.equal(each.outbox.heldBytes, 0)
      t.equal(each.counters.get(Counter.QUEUED_BYTES), 0)
      t.equal(each.table.queuedBytes(each.key), 0)
    }
    t.equal(test.counters.get(Counter.WIRE_BYTES_OUT), 9)
    t.equal(next.counters.get(Counter.WIRE_BYTES_OUT), 5 + 20_004 + 7 + 6)
  })

  t.test('until the socket has arrived, it counts as queued', async (t) => {
    const test = new TestConnection()
    test.connection.outbound.send(Buffer.from('hello'), 0)
    const snapshot = structuredClone(test.connection.snapshot())
    test.connection.detach()
    const next = new TestConnection({}, { isAttached: false })
    next.connection.restore(snapshot)
    t.equal(next.outbox.heldBytes, 7)
    t.equal(next.table.queuedBytes(next.key), 7)
    next.connection.outbound.send(Buffer.from('after'), 0)
    next.connection.open(next.socket, null)
    t.same((await next.sent()).map(shown), ['1:hello', '1:after'])
    t.equal(next.outbox.heldBytes, 0)
  })

  t.test('who was told that a message was dropped is told that there is room again', async (t) => {
    // Without a socket everything waits, as with a kernel that takes no more.
    const test = new TestConnection({ slowConsumer: 'drop', maxBackpressure: 10 }, { isAttached: false })
    test.connection.outbound.relay(Buffer.from('0123456789'), 0)
    test.connection.outbound.relay(Buffer.from('0123456789'), 0)
    t.same(test.told, [['dropped']])
    const next = test.move()
    t.same(next.told, [['drained']])
    t.same(test.names(), ['dropped'])
  })

  t.test('so is the handler on the thread it moves to', async (t) => {
    const listener = {
      received() {},
      pinged() {},
      ponged() {},
      drained: () => heard.push('drained'),
      failed() {},
      closed() {},
    }
    const heard: string[] = []
    const test = new TestConnection({ slowConsumer: 'drop', maxBackpressure: 10 }, { isAttached: false })
    test.connection.listen(listener)
    for (let i = 0; i < 2; i++) test.connection.outbound.relay(Buffer.from('0123456789'), 0)
    const snapshot = structuredClone(test.connection.snapshot())
    test.connection.detach()
    const next = new TestConnection({}, { isAttached: false })
    next.connection.listen(listener)
    next.connection.restore(snapshot)
    t.same(heard, [])
    next.connection.open(next.socket, null)
    t.same(heard, ['drained'])
  })

  t.test('a sender begins with a new context', async (t) => {
    const test = new TestConnection({ compressThreshold: 0 }, { agreement: KEEPING })
    test.connection.outbound.send(Buffer.from('the same again, and the same again'), 0)
    const [first] = await test.sent()
    const next = test.move()
    next.connection.outbound.send(Buffer.from('the same again, and the same again'), 0)
    const [second] = await next.sent()
    t.equal(first?.rsv, 4)
    t.same(second?.payload, first?.payload)
    t.ok(test.compression?.createDedicatedDeflater(13), 'and has given its context back')
    t.notOk(next.compression?.createDedicatedDeflater(13))
  })
})

t.test('which connection may move', async (t) => {
  t.ok(new TestConnection().connection.isMovable)
  t.notOk(new TestConnection({}, { isAttached: false }).connection.isMovable, 'its socket has not arrived')
  const cases: Record<string, (test: TestConnection) => void> = {
    'the server closes it': ({ connection }) => connection.close(1000, ''),
    'the peer has closed it': (test) => test.receive({ opcode: RawOpcode.Close }),
    'the peer has closed it, and main may still answer': (test) => test.receive(TEXT, { opcode: RawOpcode.Close }),
    'it was terminated': ({ connection }) => connection.terminate(),
    'its socket has failed': ({ socket }) => socket.destroy(),
  }
  for (const [name, act] of Object.entries(cases)) {
    const test = new TestConnection()
    act(test)
    t.notOk(test.connection.isMovable, name)
  }
  const test = new TestConnection()
  test.socket.block()
  test.connection.outbound.send(Buffer.from('hello'), 0)
  t.ok(test.connection.isMovable)
  await test.sent()
  t.notOk(test.connection.isMovable, 'the kernel has not taken all')
  test.socket.unblock()
  await test.sent()
  t.ok(test.connection.isMovable)
})

t.test('after it has gone the old connection does nothing any more', async (t) => {
  const test = new TestConnection({ ...QUIET, idleTimeoutMs: 1000, pingIntervalMs: 100, livenessMs: 1000 })
  const listeners = (): number =>
    test.socket.eventNames().reduce((sum, name) => sum + test.socket.listenerCount(name), 0)
  const before = new TestConnection({}, { isAttached: false }).socket
  const { connection } = test
  test.receive(TEXT)
  test.connection.outbound.send(Buffer.from('queued'), 0)
  const counted = Object.values(Counter).map((counter) => test.counters.get(counter))
  const told = [...test.told]
  const snapshot = connection.snapshot()
  t.equal(connection.detach(), test.socket)
  t.equal(
    listeners(),
    before.eventNames().reduce((sum, name) => sum + before.listenerCount(name), 0),
  )
  t.equal(connection.detach(), null, 'once')

  connection.outbound.send(Buffer.from('late'), 0)
  connection.outbound.relay(Buffer.from('late'), 0)
  t.equal(connection.outbound.offer('late', 0), false)
  connection.ping(Buffer.alloc(0))
  connection.outbound.notifyDrain()
  connection.pause()
  connection.resume()
  connection.resume(Pause.CREDIT)
  connection.conclude()
  connection.close(1000, '')
  connection.terminate()
  test.pass(10_000)
  t.same(await test.sent(), [])
  t.notOk(test.socket.destroyed)
  test.socket.on('error', () => {}).destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))
  await new Promise((resolve) => test.socket.on('close', resolve))
  t.same(test.told, told)
  t.same(test.asked, [])
  t.same(
    Object.values(Counter).map((counter) => test.counters.get(counter)),
    counted,
  )
  test.receive(TEXT, PING)
  t.same(test.told, told, 'it is deaf')
  t.equal(test.table.readyState(test.key), ReadyState.CONNECTING, 'nor does it touch what is the new one’s')
  t.same(structuredClone(snapshot), snapshot)
})
