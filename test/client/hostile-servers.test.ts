/** The client against servers that break the rules, on the `ws` class and on the global one where Node has it. */
import type { Socket } from 'node:net'
import { pipeline, Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { PlainSocket, PlainSocketClass } from '../../src/client/socket.ts'
import { WebSocketClient, type WebSocketClientOptions } from '../../src/client/websocket-client.ts'
import { ClientEvents } from '../fixtures/client-events.ts'
import { deferred } from '../fixtures/deferred.ts'
import { encodeFrame, type FrameSpec, RawFrameReader, RawOpcode } from '../fixtures/raw-frame.ts'
import { type RawPeer, RawServer } from '../fixtures/raw-server.ts'
import { WEBSOCKET_CLASSES } from '../fixtures/websocket-classes.ts'

type Deed = (peer: RawPeer) => unknown

const NEVER = { base: 1_000_000, factor: 1, max: 1_000_000, jitter: 0 }

/** Answers the request with these bytes, and ends the connection after them or when the client does. */
const says =
  (answer: string, isLast = true): Deed =>
  async ({ socket, head }) => {
    await head
    socket.write(answer, 'latin1')
    if (isLast) socket.end()
  }

/** As the opening it should be, but for one thing. */
const almost =
  (pattern: RegExp, replacement: string): Deed =>
  async (peer) =>
    says((await peer.opening()).replace(pattern, replacement), false)(peer)

/** The same bytes as long as the client takes them, a piece every few milliseconds. */
const forEver =
  (first: string, piece: string): Deed =>
  async ({ socket, head }) => {
    await head
    socket.write(first)
    pipeline(Readable.from(repeated(piece)), socket, () => {})
  }

async function* repeated(piece: string): AsyncGenerator<string> {
  for (;;) {
    yield piece
    await delay(2)
  }
}

const NOISE = Array.from({ length: 512 }, (_, index) => String.fromCharCode((index * 167 + 13) & 0xff)).join('')

const HANDSHAKES: Readonly<Record<string, Deed>> = {
  'hangs up': ({ socket }) => socket.resetAndDestroy(),
  'hangs up on the request': says(''),
  'resets within its answer': async ({ socket, head }) => {
    await head
    socket.write('HTTP/1.1 101 Switching Prot', () => socket.resetAndDestroy())
  },
  'ends within its headers': says('HTTP/1.1 101 Switching Protocols\r\nUpgrade: webs'),
  'is something else, which speaks first': ({ socket }) => socket.write('SSH-2.0-OpenSSH_9.6\r\n'),
  'answers noise': says(NOISE),
  'answers a status that is none': says('HTTP/1.1 one hundred and one\r\n\r\n'),
  'answers another HTTP': says('HTTP/7.3 101 Switching Protocols\r\n\r\n'),
  'answers a page': says('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'),
  'answers 401': says('HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n'),
  'answers 503': says('HTTP/1.1 503 Service Unavailable\r\nRetry-After: -7\r\nContent-Length: 0\r\n\r\n'),
  'leads back to itself': says('HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n'),
  'accepts another key': almost(/Accept: .*\r/, 'Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r'),
  'accepts no key': almost(/Sec-WebSocket-Accept: .*\r\n/, ''),
  'does not upgrade': almost(/Upgrade: websocket\r\n/, ''),
  'upgrades to something else': almost(/Upgrade: websocket/, 'Upgrade: h2c'),
  'chooses a subprotocol that was not offered': almost(/\r\n\r\n/, '\r\nSec-WebSocket-Protocol: soap\r\n\r\n'),
  'chooses an extension that was not offered': almost(/\r\n\r\n/, '\r\nSec-WebSocket-Extensions: x-fast\r\n\r\n'),
  'never answers': () => {},
  'never comes to the end of its headers': forEver(
    'HTTP/1.1 101 Switching Protocols\r\n',
    `x: ${'x'.repeat(1000)}\r\n`,
  ),
  'never comes to the end of one header': forEver('HTTP/1.1 101 Switching Protocols\r\nx: ', 'x'.repeat(1000)),
  'never stops to ask for more': forEver('', 'HTTP/1.1 100 Continue\r\n\r\n'),
  'never comes to the end of a page': forEver('HTTP/1.1 404 Not Found\r\n\r\n', 'x'.repeat(1000)),
  'answers a letter at a time': forEver('HTTP/1.1 101 Switching Protocols\r\nx: ', 'x'),
}

const frame = (spec: FrameSpec): Buffer => encodeFrame({ mask: false, ...spec })
const { Text, Binary, Continuation, Ping, Close } = RawOpcode
const text = frame({ opcode: Text, payload: 'hello' })

/** After the handshake. */
const FRAMES: Readonly<Record<string, Buffer>> = {
  noise: Buffer.from(NOISE, 'latin1'),
  'a masked frame': encodeFrame({ opcode: Text, payload: 'hello' }),
  'reserved bits': frame({ opcode: Text, rsv: 3, payload: 'hello' }),
  'a reserved opcode': frame({ opcode: 0x3, payload: 'hello' }),
  'a reserved control opcode': frame({ opcode: 0xb }),
  'a ping in fragments': frame({ opcode: Ping, fin: false }),
  'a ping of 126 bytes': frame({ opcode: Ping, payload: Buffer.alloc(126) }),
  'a continuation of nothing': frame({ opcode: Continuation, payload: 'hello' }),
  'a message within another one': Buffer.concat([frame({ opcode: Text, fin: false, payload: 'a' }), text]),
  'text that is no UTF-8': frame({ opcode: Text, payload: Buffer.from([0xc0, 0xaf]) }),
  'more bytes than there are': frame({ opcode: Binary, lengthForm: 64, declared: 2n ** 63n }),
  'a terabyte to come': frame({ opcode: Binary, lengthForm: 64, declared: 2n ** 40n }),
  'a close of one byte': frame({ opcode: Close, payload: Buffer.from([3]) }),
  'a close with a code that is none': frame({ opcode: Close, payload: Buffer.from([0, 7]) }),
  'a close with 1005': frame({ opcode: Close, payload: Buffer.from([0x03, 0xed]) }),
  'a close whose reason is no UTF-8': frame({ opcode: Close, payload: Buffer.from([0x03, 0xe8, 0xff]) }),
}

const closing = (code: number, reason: string): Buffer =>
  frame({ opcode: Close, payload: Buffer.from([code >> 8, code & 0xff, ...Buffer.from(reason)]) })

/** The next bytes of the client, or the end of them. */
const heard = (socket: Socket): Promise<unknown> =>
  new Promise((resolve) => {
    for (const event of ['data', 'end', 'close']) socket.once(event, resolve)
  })

for (const [className, WebSocket] of Object.entries(WEBSOCKET_CLASSES)) testOn(className, WebSocket)

function testOn(className: string, WebSocket: PlainSocketClass): void {
  const title = (text: string): string => `row 82: on the ${className} WebSocket ${text}`
  const connect = <Message = string | ArrayBuffer>(t: Test, url: string, options: WebSocketClientOptions) => {
    const client = new WebSocketClient<Message, unknown>(url, { WebSocket, ...options })
    t.teardown(() => client.close())
    return { client, events: new ClientEvents(client as WebSocketClient<unknown, unknown>) }
  }

  t.test(`${title('a handshake that fails')} is an error and one attempt, whatever the server`, async (t) => {
    const backoff = { base: 1, factor: 2, max: 4, jitter: 0 }
    const given = { backoff, connectTimeoutMs: 500, maxAttempts: 3, queue: { max: 2 } }
    const attempts = Object.entries(HANDSHAKES).map(async ([what, deed]) => {
      const server = await RawServer.start(t, deed)
      const { client, events } = connect(t, server.url, given)
      for (const each of ['a', 'b', 'c']) client.send(each)
      t.same(await events.end(), { code: 1006, reason: '', willReconnect: false }, what)
      t.equal(client.state, 'closed', what)
      t.same([...events.of('open'), ...events.of('message')], [], what)
      // The class of Node asks again by itself after a 401, for one.
      t.ok(server.connections >= 3 && server.connections <= 6, `${what}: ${server.connections} connections`)
      t.same(
        events.of('reconnecting'),
        [
          { attempt: 2, delayMs: 2 },
          { attempt: 3, delayMs: 4 },
        ],
        what,
      )
      t.ok(events.of('error').length >= 3, what)
      t.ok(
        events.of('error').every((error) => error instanceof Error),
        what,
      )
      t.same([events.of('queue-drop'), client.queued, client.dropped], [['a', 'b', 'c'], 0, 3], what)
      // Also those that went on talking.
      await server.isLeft()
    })
    await Promise.all(attempts)
  })

  t.test(`${title('a redirect')} is not followed: the token stays where it was sent`, async (t) => {
    const elsewhere = await RawServer.start(t, () => {})
    for (const status of [301, 302, 303, 307, 308]) {
      const answer = `HTTP/1.1 ${status} Away\r\nLocation: ${elsewhere.url.replace('ws', 'http')}\r\nContent-Length: 0\r\n\r\n`
      const server = await RawServer.start(t, says(answer))
      const token = { query: 'token', value: 'secret' }
      const { events } = connect(t, server.url, { token, maxAttempts: 1, connectTimeoutMs: 1000 })
      t.match(await events.end(), { code: 1006 })
    }
    t.equal(elsewhere.connections, 0)
  })

  t.test(`${title('frames that are none')} end the connection, and nothing is thrown`, async (t) => {
    for (const [what, bytes] of Object.entries(FRAMES)) {
      const server = await RawServer.start(t, async ({ socket, opening }) => {
        socket.write(Buffer.concat([Buffer.from(await opening()), bytes]))
        await heard(socket)
        socket.destroy()
      })
      const { client, events } = connect(t, server.url, { backoff: NEVER })
      const { willReconnect } = await events.nth('close', 1)
      t.same(events.of('message'), [], what)
      t.equal(client.state, willReconnect ? 'waiting' : 'closed', what)
      t.equal(server.connections, 1, what)
    }
  })

  t.test(`${title('a connection cut anywhere')} is 1006, and what was whole has arrived`, async (t) => {
    const frames = Buffer.concat([text, frame({ opcode: Text, payload: 'cut off' }), closing(1000, 'bye')])
    for (let length = 0; length < frames.length; length++) {
      for (const isReset of [false, true]) {
        const isRead = deferred<void>()
        const server = await RawServer.start(t, async ({ socket, opening }) => {
          socket.write(Buffer.concat([Buffer.from(await opening()), frames.subarray(0, length)]))
          if (!isReset) return socket.end()
          // A reset overtakes what is not read yet.
          await isRead.promise
          socket.resetAndDestroy()
        })
        const { client, events } = connect(t, server.url, { backoff: NEVER })
        client.on(length >= text.length ? 'message' : 'open', () => isRead.resolve())
        t.match(await events.nth('close', 1), { code: 1006, willReconnect: true }, `${length}`)
        if (length >= text.length) t.equal(events.of('message')[0], 'hello', `${length}`)
        else t.same(events.of('message'), [], `${length}`)
      }
    }
  })

  t.test(`${title('what a close asks for')} is waited for where it makes sense, for an hour at most`, async (t) => {
    for (const [reason, ms] of [
      ['retry-after=2', 2000],
      ['retry-after=999999999', 3_600_000],
      ['retry-after=5, retry-after=1', 5000],
      ['retry-after=-1', 0],
      ['retry-after=1e9', 0],
      ['retry-after=0x7', 0],
      ['retry-after=NaN', 0],
      ['retry-after=99999999999999999999', 0],
      ['retry-after=\u0665', 0],
      ['retry-after', 0],
    ] as const) {
      const server = await RawServer.start(t, async ({ socket, opening }) => {
        socket.write(await opening())
        socket.end(closing(1012, reason))
      })
      const { client, events } = connect(t, server.url, { backoff: { ...NEVER, base: 7, max: 7 } })
      t.same(await events.nth('reconnecting', 1), { attempt: 1, delayMs: ms + 7 }, reason)
      client.close()
    }
  })

  t.test(`${title('a server that accepts and hangs up')} is tried less and less often`, async (t) => {
    const server = await RawServer.start(t, async ({ socket, number, opening }) => {
      socket.write(await opening())
      if (number % 2 === 0) socket.end(closing(1012, ''))
      else socket.end()
    })
    const { client, events } = connect(t, server.url, { backoff: { base: 1, factor: 2, max: 16, jitter: 0 } })
    await events.nth('reconnecting', 7)
    client.close()
    t.same(
      events.of('reconnecting').map(({ attempt, delayMs }) => [attempt, delayMs]),
      [1, 2, 4, 8, 16, 16, 16].map((delayMs) => [1, delayMs]),
    )
    t.equal(events.of('open').length, 7)
  })

  t.test(`${title('what is sent to a server that has said goodbye')} waits for the next one`, async (t) => {
    const [isClosing, isSent] = [deferred<void>(), deferred<void>()]
    const received = deferred<string>()
    const serve: Deed = async ({ socket, number, opening }) => {
      socket.write(await opening())
      if (number > 1) {
        const reader = new RawFrameReader()
        socket.on('data', (chunk) => {
          for (const { payload } of reader.push(chunk)) received.resolve(String(payload))
        })
        return
      }
      // It leaves the connection open when it has the answer.
      socket.write(closing(1012, ''))
      await heard(socket)
      isClosing.resolve()
      await isSent.promise
      socket.destroy()
    }
    const server = await RawServer.start(t, serve, { allowHalfOpen: true })
    const { client, events } = connect(t, server.url, { backoff: { base: 1, max: 1 }, queue: { max: 2 } })
    await events.nth('open', 1)
    await isClosing.promise
    for (const each of ['a', 'b', 'c']) client.send(each)
    t.same([client.state, client.queued, client.dropped], ['open', 2, 1])
    isSent.resolve()
    t.equal(await received.promise, 'b')
    t.equal(client.queued, 0)
  })

  t.test(`${title('a flood')} is heard message by message, and not any more after close`, async (t) => {
    const [count, last] = [20_000, 500]
    const flood = (payload: string): Buffer =>
      Buffer.concat(Array.from({ length: count }, (_, index) => frame({ opcode: index % 4 ? Text : Ping, payload })))
    const server = await RawServer.start(t, async ({ socket, opening }) => {
      socket.write(await opening())
      socket.write(Buffer.concat([flood('{'), flood('7')]))
    })
    const { client, events } = connect<number>(t, server.url, { json: true, backoff: NEVER })
    let messages = 0
    client.on('message', () => {
      if (++messages === last) client.close()
    })
    await events.nth('message', last)
    server.hangUp()
    t.match(await events.end(), { willReconnect: false })
    const invalid = events.of('error').filter((error) => (error as { code?: unknown }).code === 'MESSAGE_INVALID')
    t.equal(invalid.length, (count * 3) / 4, 'each is one error')
    t.equal(messages, last)
  })
}

t.test('row 82: a connection that has stood for five seconds is no failure when it ends', async (t) => {
  const sockets: PlainSocket[] = []
  class Idle implements Partial<PlainSocket> {
    constructor() {
      sockets.push(this as unknown as PlainSocket)
    }
    close(): void {}
  }
  const timers: [run: () => void, ms: number][] = []
  const { setTimeout } = globalThis
  t.teardown(() => Object.assign(globalThis, { setTimeout }))
  Object.assign(globalThis, { setTimeout: (...timer: (typeof timers)[number]) => timers.push(timer) })
  const given = { WebSocket: Idle as unknown as PlainSocketClass, connectTimeoutMs: 0 }
  const client = new WebSocketClient('ws://127.0.0.1/', { ...given, backoff: { base: 10, jitter: 0 } })
  const events = new ClientEvents(client as WebSocketClient<unknown, unknown>)
  for (const lasts of [false, false, true, false]) {
    // The address is found a few microtasks later.
    await new Promise((resolve) => setImmediate(resolve))
    sockets.at(-1)?.onopen?.({} as never)
    const [run, ms] = timers.at(-1) ?? []
    t.equal(ms, 5000)
    if (lasts) run?.()
    sockets.at(-1)?.onclose?.({ code: 1006, reason: '' } as never)
    timers.at(-1)?.[0]()
  }
  client.close()
  t.same(
    events.of('reconnecting').map(({ delayMs }) => delayMs),
    [10, 20, 10, 10],
  )
})
