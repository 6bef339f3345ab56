import t from 'tap'
import { Counter } from '../../src/shared/counters.ts'
import type { RateLimitOptions } from '../../src/shared/messages.ts'
import { Pause } from '../../workers/inbound.ts'
import { encodeFrame, encodeFrames, type FrameSpec, RawOpcode } from '../fixtures/raw-frame.ts'
import { shown, TestConnection } from '../fixtures/test-connection.ts'

const TEXT: FrameSpec = { opcode: RawOpcode.Text, payload: 'hello' }
const PING: FrameSpec = { opcode: RawOpcode.Ping, payload: 'p' }
const QUIET = { pingIntervalMs: 0, livenessMs: 0, idleTimeoutMs: 0, maxLifetimeMs: 0 }

function closesOf(test: TestConnection): unknown[] {
  return test.told.filter(([name]) => name === 'failed').map(([, code]) => code)
}

function frames(spec: FrameSpec, count: number): FrameSpec[] {
  return Array.from({ length: count }, () => spec)
}

t.test('row 25: messageTimeoutMs', async (t) => {
  const TIMEOUT = { ...QUIET, messageTimeoutMs: 1000 }
  const bytes = encodeFrame(TEXT)
  const drip = (test: TestConnection, from: number, to: number): void =>
    test.connection.onRead(Buffer.from(bytes.subarray(from, to)))

  t.test('begins with the first byte, whatever comes after it', async (t) => {
    const test = new TestConnection(TIMEOUT)
    test.pass(5000)
    drip(test, 0, 1)
    test.pass(500)
    drip(test, 1, 2)
    test.pass(499)
    t.same(closesOf(test), [])
    drip(test, 2, 3)
    test.pass(1)
    t.same(closesOf(test), ['MESSAGE_TIMEOUT'])
    t.same((await test.sent()).map(shown), ['close 1008 the message took longer than messageTimeoutMs'])
  })

  t.test('ends with the last byte', async (t) => {
    const test = new TestConnection(TIMEOUT)
    drip(test, 0, 4)
    test.pass(999)
    drip(test, 4, bytes.length)
    test.pass(60_000)
    t.same(test.names(), ['received'])
  })

  t.test('a message of several frames is one message', async (t) => {
    const test = new TestConnection(TIMEOUT)
    test.receive({ ...TEXT, fin: false })
    test.pass(600)
    test.receive({ opcode: RawOpcode.Continuation, payload: '', fin: false })
    test.pass(399)
    t.same(closesOf(test), [])
    test.pass(1)
    t.same(closesOf(test), ['MESSAGE_TIMEOUT'])
  })

  t.test('a ping within a message does not begin it anew', async (t) => {
    const test = new TestConnection(TIMEOUT)
    test.receive({ ...TEXT, fin: false })
    test.pass(999)
    test.receive(PING)
    test.pass(1)
    t.same(closesOf(test), ['MESSAGE_TIMEOUT'])
  })

  t.test('begins anew for the next message in the same read', async (t) => {
    const test = new TestConnection(TIMEOUT)
    drip(test, 0, 4)
    test.pass(900)
    test.connection.onRead(Buffer.concat([bytes.subarray(4), bytes.subarray(0, 4)].map((each) => Buffer.from(each))))
    test.pass(999)
    t.same(test.names(), ['received'])
    test.pass(1)
    test.connection.conclude()
    t.same(closesOf(test), ['MESSAGE_TIMEOUT'])
  })

  t.test('a dripped ping is no way around it', async (t) => {
    const test = new TestConnection(TIMEOUT)
    test.connection.onRead(encodeFrame(PING).subarray(0, 3))
    test.pass(999)
    t.same(closesOf(test), [])
    test.pass(1)
    t.same(closesOf(test), ['MESSAGE_TIMEOUT'])
  })

  t.test('the time in which the connection is not read does not count', async (t) => {
    const test = new TestConnection(TIMEOUT)
    drip(test, 0, 4)
    test.pass(900)
    test.connection.pause()
    test.pass(60_000)
    test.connection.resume()
    test.pass(999)
    t.same(closesOf(test), [])
    test.pass(1)
    t.same(closesOf(test), ['MESSAGE_TIMEOUT'])
  })

  t.test('it is counted once, however often the shard looks', async (t) => {
    for (const hasReachedMain of [false, true]) {
      const test = new TestConnection(TIMEOUT)
      if (hasReachedMain) test.receive(TEXT)
      drip(test, 0, 4)
      for (let i = 0; i < 5; i++) test.pass(1000)
      t.same(closesOf(test), ['MESSAGE_TIMEOUT'])
      t.equal(test.counters.get(Counter.PROTOCOL_ERRORS), 1)
    }
  })

  t.test('begins anew behind a control frame in the same read', async (t) => {
    const test = new TestConnection(TIMEOUT)
    const ping = encodeFrame(PING)
    test.connection.onRead(Buffer.from(ping.subarray(0, 3)))
    test.pass(900)
    test.connection.onRead(Buffer.concat([ping.subarray(3), bytes.subarray(0, 4)]))
    test.pass(999)
    t.same(closesOf(test), [])
    test.pass(1)
    t.same(closesOf(test), ['MESSAGE_TIMEOUT'])
  })

  t.test('0 is never', async (t) => {
    const test = new TestConnection({ ...QUIET, messageTimeoutMs: 0 })
    drip(test, 0, 4)
    test.pass(1e12)
    t.same(test.told, [])
  })
})

t.test('row 41: rateLimit', async (t) => {
  const LIMIT: RateLimitOptions = {
    messages: 10,
    perMs: 1000,
    burst: 4,
    bytesPerSecond: 0,
    action: 'pause',
    graceMs: 2000,
  }
  const limited = (changes: Partial<RateLimitOptions>): TestConnection =>
    new TestConnection({ ...QUIET, rateLimit: { ...LIMIT, ...changes } })
  const received = (test: TestConnection): number => test.names().filter((name) => name === 'received').length

  t.test("'pause': burst - 1, burst, one more: that one arrives, and then nothing is read", async (t) => {
    const test = limited({})
    test.receive(...frames(TEXT, 3))
    test.receive(TEXT)
    t.notOk(test.socket.isPaused())
    test.receive(TEXT, TEXT)
    t.ok(test.socket.isPaused())
    t.equal(received(test), 6, 'nothing is lost, what was read with it neither')
    t.equal(test.counters.get(Counter.RATE_PAUSES), 1)
    t.same(
      test.told.filter(([name]) => name === 'limited'),
      [['limited', 'rateLimit']],
    )
    test.pass(399)
    t.ok(test.socket.isPaused())
    test.pass(1)
    t.notOk(test.socket.isPaused(), 'half of the burst is there')
    t.same(closesOf(test), [])
  })

  for (const action of ['drop', 'error'] as const) {
    t.test(`'${action}': what is too much is dropped and counted, and the connection goes on`, async (t) => {
      const test = limited({ action })
      test.receive(...frames(TEXT, 10))
      t.equal(received(test), 4)
      t.equal(test.counters.get(Counter.RATE_LIMITED_MESSAGES), 6)
      t.equal(test.counters.get(Counter.MESSAGES_RECEIVED), 4)
      t.notOk(test.socket.isPaused())
      test.pass(100)
      test.receive(TEXT)
      t.equal(received(test), 5)
    })
  }

  t.test("'drop': the log is told, at most once a period", async (t) => {
    const test = limited({ action: 'drop' })
    for (let i = 0; i < 21; i++) {
      test.receive(...frames(TEXT, 30))
      test.pass(100)
    }
    t.same(
      test.told.filter(([name]) => name === 'limited'),
      Array(3).fill(['limited', 'rateLimit']),
    )
    t.same(closesOf(test), [])
  })

  t.test('one that is closed while it is held back is read again: its close frame must be heard', async (t) => {
    const test = limited({})
    test.receive(...frames(TEXT, 5))
    test.connection.close(1000, '')
    test.pass(400)
    t.notOk(test.socket.isPaused())
  })

  t.test("'error': the application is told, at most once a period", async (t) => {
    const test = limited({ action: 'error' })
    for (let i = 0; i < 21; i++) {
      test.receive(...frames(TEXT, 30))
      test.pass(100)
    }
    t.same(closesOf(test), Array(3).fill('RATE_LIMITED'))
    t.equal(test.counters.get(Counter.PROTOCOL_ERRORS), 0)
  })

  t.test("'close': read more slowly at first, 1008 for who goes on", async (t) => {
    const test = limited({ action: 'close' })
    let ms = 0
    for (; ms < 10_000 && !test.names().includes('finished'); ms += 100) {
      if (!test.socket.isPaused()) test.receive(...frames(TEXT, 5))
      test.pass(100)
    }
    t.ok(ms >= 2000 && ms < 3000, `after ${ms} ms`)
    t.ok(test.counters.get(Counter.RATE_PAUSES) > 1)
    test.connection.conclude()
    t.same(closesOf(test), ['RATE_LIMITED'])
    t.same((await test.sent()).map(shown), ['close 1008 more messages or bytes than rateLimit allows'])
  })

  t.test("'close': one close frame, whatever else is due in the same sweep", async (t) => {
    const rateLimit = { ...LIMIT, action: 'close' as const, graceMs: 0 }
    const test = new TestConnection({ ...QUIET, maxLifetimeMs: 100, rateLimit })
    test.receive(...frames(TEXT, 8))
    test.pass(120)
    test.connection.conclude()
    t.same((await test.sent()).map(shown), ['close 1008 more messages or bytes than rateLimit allows'])
    t.equal(test.counters.get(Counter.LIFETIMES_ENDED), 0)
  })

  t.test("'close': who has exhausted it and is being closed already ends as it was told", async (t) => {
    const test = limited({ action: 'close', graceMs: 0 })
    test.receive(...frames(TEXT, 8))
    test.connection.close(1000, 'enough')
    test.pass(100)
    test.connection.conclude()
    t.same(closesOf(test), [])
    t.same((await test.sent()).map(shown), ['close 1000 enough'])
  })

  t.test("'close': who lets the budget fill up stays", async (t) => {
    const test = limited({ action: 'close' })
    for (let i = 0; i < 20; i++) {
      test.receive(...frames(TEXT, 5))
      for (let ms = 0; ms < 1000; ms += 100) test.pass(100)
    }
    t.same(closesOf(test), [])
    t.equal(received(test), 100)
  })

  t.test('bytesPerSecond', async (t) => {
    const test = limited({ messages: 1000, burst: 1000, bytesPerSecond: 5, action: 'drop' })
    test.receive(TEXT, TEXT, TEXT)
    t.equal(received(test), 2)
    test.pass(1000)
    test.receive(TEXT)
    t.equal(received(test), 3)
  })

  t.test('pings and the parts of a message cost nothing', async (t) => {
    const test = limited({ action: 'drop' })
    const parts: FrameSpec[] = [{ ...TEXT, fin: false }, PING, { opcode: RawOpcode.Continuation, payload: '' }]
    for (let i = 0; i < 4; i++) test.receive(...parts)
    t.equal(received(test), 4)
  })
})

t.test('reading stops for several reasons at once', async (t) => {
  const rateLimit = { messages: 10, perMs: 1000, burst: 1, bytesPerSecond: 0, action: 'pause', graceMs: 0 } as const

  t.test('and goes on when none is left, in whatever order they go', async (t) => {
    for (const order of [
      ['rate', 'credit', 'unprocessed'],
      ['unprocessed', 'credit', 'rate'],
      ['credit', 'rate', 'unprocessed'],
    ]) {
      const test = new TestConnection({ ...QUIET, rateLimit })
      test.hasCredit = false
      test.receive(TEXT, TEXT)
      test.connection.pause()
      t.same(test.asked, ['credit'])
      const ways: Record<string, () => void> = {
        rate: () => test.pass(1000),
        credit: () => test.connection.resume(Pause.CREDIT),
        unprocessed: () => test.connection.resume(),
      }
      for (const [index, reason] of order.entries()) {
        t.ok(test.socket.isPaused(), `${order} before ${index}`)
        ways[reason]?.()
      }
      t.notOk(test.socket.isPaused(), `${order}`)
      t.equal(test.counters.get(Counter.INBOUND_PAUSES), 1, 'one pause')
    }
  })

  t.test('a reason that is given twice is gone at once', async (t) => {
    const test = new TestConnection(QUIET)
    test.connection.pause()
    test.connection.pause()
    test.connection.resume()
    t.notOk(test.socket.isPaused())
  })

  t.test('one that was never given is not missed', async (t) => {
    const test = new TestConnection(QUIET)
    test.connection.pause()
    test.connection.resume(Pause.CREDIT)
    t.ok(test.socket.isPaused())
  })

  t.test('given before the socket arrives', async (t) => {
    const test = new TestConnection(QUIET, { isAttached: false })
    test.connection.pause()
    test.connection.open(test.socket, encodeFrames([TEXT]))
    t.ok(test.socket.isPaused())
    t.same(test.names(), ['received'], 'what main had read already is not lost')
  })

  t.test('one that has ended is not held back: its end must be heard', async (t) => {
    const test = new TestConnection(QUIET)
    test.receive(TEXT, { opcode: RawOpcode.Close, payload: Buffer.of(3, 232) })
    test.connection.conclude()
    test.connection.pause()
    t.notOk(test.socket.isPaused())
  })

  t.test('silence is not held against a peer that is not read', async (t) => {
    const test = new TestConnection({ ...QUIET, livenessMs: 1000, idleTimeoutMs: 1000 })
    test.connection.pause()
    test.pass(60_000)
    test.connection.resume()
    test.pass(999)
    t.same(test.told, [])
    test.pass(1)
    t.match(test.told, [['limited', 'livenessMs']])
  })
})
