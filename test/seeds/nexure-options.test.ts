/** Document 000: the options of NexureJS' `WebSocketServer`, their defaults, and what depends on them. */
import t, { type Test } from 'tap'
import { WebSocketServer } from '../../src/facades/nexure.ts'
import { ReadyState } from '../../src/index.ts'
import type { WebSocketServerOptions } from '../../src/main/options.ts'
import { heard, startNexure } from '../fixtures/nexure-server.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'

const MIB = 1024 * 1024

/** The code with which a message of this length is refused, judged by its header alone; null when its rest is awaited. */
async function answerToLength(t: Test, options: WebSocketServerOptions, length: number): Promise<number | null> {
  const { connectRaw, wss } = await startNexure(t, { shards: 0, ...options })
  const opened = heard(wss, 'connection')
  const client = await connectRaw()
  const [id] = await opened
  const closed = heard(wss, 'close')
  client.sendFrame({ opcode: RawOpcode.Binary, declared: BigInt(length), payload: 'begun' })
  while (wss.stats().wireBytesIn === 0) await new Promise(setImmediate)
  if (wss.getConnection(id)?.readyState === ReadyState.OPEN) return null
  client.end()
  return (await closed)[1]
}

t.test('OP01 FN04: maxPayloadLength is 16 MiB, and is judged before anything is buffered', async (t) => {
  t.equal(await answerToLength(t, {}, 16 * MIB + 1), 1009)
  t.equal(await answerToLength(t, {}, 16 * MIB), null)
  t.equal(await answerToLength(t, { maxPayloadLength: 1000 }, 1001), 1009)
  t.equal(await answerToLength(t, { maxPayloadLength: 1000 }, 1000), null)
  t.equal(await answerToLength(t, { maxPayload: 1000 }, 1001), 1009, 'the canonical name')
})

t.test('OP01: an option that is undefined has its default', async (t) => {
  t.equal(await answerToLength(t, { maxPayloadLength: undefined as unknown as number }, 16 * MIB), null)
})

t.test('OP01: a message of 16 MiB goes there and back', async (t) => {
  const { wss, pair } = await startNexure(t, { slowConsumer: 'buffer' })
  wss.on('message', (id, message, isBinary) => wss.send(id, message, isBinary))
  const { client } = await pair()
  const message = Buffer.alloc(16 * MIB, 'abcdefg')
  client.socket.send(message)
  t.ok((await client.next()).data.equals(message))
})

/** A server on this thread whose time is the test's: returns a function that lets seconds pass, one sweep at a time. */
async function startInTime(t: Test, options: WebSocketServerOptions) {
  let shiftMs = 0
  const realNow = performance.now.bind(performance)
  t.capture(performance, 'now', () => realNow() + shiftMs)
  const sweeps: (() => void)[] = []
  const setReal = globalThis.setInterval
  const set = t.capture(globalThis, 'setInterval', ((callback: () => void, ms: number) => {
    sweeps.push(callback)
    return setReal(() => {}, ms)
  }) as never)
  const server = await startNexure(t, { shards: 0, pingIntervalMs: 0, ...options })
  set.restore()
  const pass = (seconds: number): void => {
    for (let i = 0; i < seconds; i++) {
      shiftMs += 1000
      for (const sweep of sweeps) sweep()
    }
  }
  return { ...server, pass }
}

t.test('OP02 HE02 FN04: idleTimeout is 120 s, and any frame starts it anew', async (t) => {
  const { wss, pair, pass } = await startInTime(t, {})
  const { client } = await pair()
  pass(118)
  const received = heard(wss, 'message')
  client.socket.send('here I am')
  await received
  pass(118)
  t.equal(wss.getConnections().length, 1)
  pass(4)
  t.same(await client.closed, { code: 1001, reason: 'idle timeout' })
  t.equal(wss.stats().timeouts.idle, 1)
})

t.test('OP02: idleTimeout is in seconds, 0 is never', async (t) => {
  const { pair, pass } = await startInTime(t, { idleTimeout: 10 })
  const { client } = await pair()
  pass(8)
  t.equal(client.socket.readyState, 1)
  pass(4)
  t.equal((await client.closed).code, 1001)

  const never = await startInTime(t, { idleTimeout: 0 })
  await never.pair()
  never.pass(3600)
  t.equal(never.wss.stats().timeouts.idle, 0)
})

t.test('OP02: an idleTimeout that is undefined has its default', async (t) => {
  const { wss, pair, pass } = await startInTime(t, { idleTimeout: undefined as unknown as number })
  await pair()
  pass(122)
  t.equal(wss.stats().timeouts.idle, 1)
})

t.test('OP03 FN04: compression is on by default, and all its spellings are taken', async (t) => {
  const { wss, connect } = await startNexure(t, { shards: 0 })
  wss.on('message', (id, message, isBinary) => wss.send(id, message, isBinary))
  const client = await connect()
  client.socket.send('x'.repeat(5000))
  t.equal(await client.nextText(), 'x'.repeat(5000))
  for (const compression of [true, false, 'shared', 'dedicated', 'disabled'] as const) {
    const server = new WebSocketServer({ shards: 0, compression })
    await server.ready()
    await server.shutdown()
  }
})

t.test('OP04 FN04: maxBackpressure is 1 MiB of what the kernel does not take', async (t) => {
  for (const [options, limit] of [
    [{}, MIB],
    [{ maxBackpressure: 200_000 }, 200_000],
  ] as const) {
    const { wss, pair } = await startNexure(t, { shards: 0, ...options })
    const { client, id } = await pair()
    client.socket.pause()
    const message = Buffer.alloc(50_000)
    const connection = wss.getConnection(id)!
    while (wss.stats().queuedBytes === 0) {
      wss.send(id, message)
      await new Promise(setImmediate)
    }
    while (wss.send(id, message)) await new Promise(setImmediate)
    t.ok(connection.bufferedAmount <= limit, `${connection.bufferedAmount} of ${limit} bytes`)
    t.ok(connection.bufferedAmount + message.length > limit, 'one more would be too much')
    t.equal(wss.send(id, 'x'), connection.bufferedAmount < limit, 'a short one still fits')
  }
})

t.test('OP05 AU01 FN04: the first protocol that the client offers and the server knows', async (t) => {
  for (const [protocols, offered, chosen] of [
    [['a', 'b'], 'b, a', 'b'],
    [['a', 'b'], 'x, a, b', 'a'],
    [['a'], 'a', 'a'],
    [['a'], ' x ,  a ', 'a'],
    [['a'], 'A', undefined],
    [['a'], 'x, y', undefined],
    [['a'], null, undefined],
    [undefined, 'a', undefined],
  ] as const) {
    const { wss, connectRaw } = await startNexure(t, { shards: 0, ...(protocols && { protocols: [...protocols] }) })
    const opened = heard(wss, 'connection')
    const client = await connectRaw({ headers: offered === null ? {} : { 'Sec-WebSocket-Protocol': offered } })
    t.equal(client.response.status, 101, 'without a common protocol too')
    t.same(client.response.headers.get('sec-websocket-protocol'), chosen && [chosen])
    t.equal((await opened)[1].protocol, chosen ?? '')
  }
})

t.test('OP06: an option of the wrong type is refused when the server is made', async (t) => {
  for (const [name, value] of [
    ['maxPayloadLength', '16MB'],
    ['maxPayloadLength', -1],
    ['idleTimeout', '120'],
    ['idleTimeout', -1],
    ['compression', 'yes'],
    ['maxBackpressure', null],
    ['maxBackpressure', 0],
    ['protocols', 'chat'],
    ['protocols', [1]],
  ] as const) {
    t.throws(() => new WebSocketServer({ [name]: value } as WebSocketServerOptions), {
      code: 'OPTION_INVALID',
      message: new RegExp(`^options\\.${name} must be `),
    })
  }
  t.throws(() => new WebSocketServer({ maxPayloadLenght: 1 } as WebSocketServerOptions), {
    code: 'OPTION_UNKNOWN',
    message: /did you mean options\.maxPayloadLength\?/,
  })
  for (const options of [null, 7, 'x']) {
    t.throws(
      () => {
        const made = new WebSocketServer(options as unknown as WebSocketServerOptions)
        t.teardown(() => made.ready().then(() => made.shutdown()))
      },
      { code: 'OPTION_INVALID' },
    )
  }
})
