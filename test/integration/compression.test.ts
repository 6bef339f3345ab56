import t from 'tap'
import { type SendOptions, WebSocketServer } from '../../src/index.ts'
import { DeflateClient } from '../fixtures/deflate-client.ts'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { MessageClient } from '../fixtures/message-client.ts'

const NAME = 'permessage-deflate'
const NO_TAKEOVER = `${NAME}; server_no_context_takeover; client_no_context_takeover`
const OFFERS = [
  NAME,
  `${NAME}; client_max_window_bits`,
  NO_TAKEOVER,
  `${NAME}; server_max_window_bits=9; client_max_window_bits=9`,
  `${NO_TAKEOVER}; server_max_window_bits=9`,
  null,
] as const

/** Compressible, and no two alike; longer than the threshold. */
function feed(number: number): string {
  return JSON.stringify(Array.from({ length: 60 }, (_, i) => ({ id: i + number, price: (i * 7919 + number) % 1000 })))
}

t.test('CP01: windows and contexts as agreed, with each client of several, on main and in shards', async (t) => {
  for (const shards of [0, 1, 3]) {
    const engine = await EngineUnderTest.start(t, { shards, compression: 'dedicated' })
    engine.server.on('message', (id, message, isBinary) => engine.server.send(id, message, isBinary))
    const clients = await Promise.all(OFFERS.map((offer) => DeflateClient.join(engine, offer)))
    t.same(
      clients.map(({ extensions }) => extensions),
      [
        `${NAME}; server_max_window_bits=13`,
        `${NAME}; server_max_window_bits=13; client_max_window_bits=13`,
        `${NO_TAKEOVER}; server_max_window_bits=13`,
        `${NAME}; server_max_window_bits=9; client_max_window_bits=9`,
        `${NO_TAKEOVER}; server_max_window_bits=9`,
        '',
      ],
    )
    for (const { extensions, peer } of clients) t.equal(peer.extensions, extensions)
    for (const client of clients.slice(0, -1)) {
      for (let number = 0; number < 20; number++) client.send(feed(number))
      for (let number = 0; number < 20; number++) {
        const { payload, isCompressed } = await client.next()
        t.ok(isCompressed && payload.toString() === feed(number), `${client.extensions}: ${number}`)
      }
    }
  }
})

t.test('CP02: in shared mode no connection keeps a context; in dedicated mode each does that may', async (t) => {
  for (const [compression, keeps] of [
    [true, false],
    ['shared', false],
    ['dedicated', true],
  ] as const) {
    const engine = await EngineUnderTest.start(t, { shards: 1, compression })
    const joined = await DeflateClient.join(engine, NAME)
    t.equal(joined.peer.keepsContext, keeps)
    engine.server.send(joined.id, feed(1))
    engine.server.send(joined.id, feed(1))
    const [first, second] = [await joined.next(), await joined.next()]
    t.equal(first.payload.toString(), feed(1))
    t.equal(second.payload.toString(), feed(1))
    t.equal(second.body.length < first.body.length / 4, keeps, `${first.body.length}, ${second.body.length} bytes`)
  }
})

t.test('without the option nothing is agreed on, whatever is offered, and RSV1 ends the connection', async (t) => {
  for (const options of [{}, { compression: false }, { compression: 'disabled' }] as const) {
    const engine = await EngineUnderTest.start(t, { shards: 1, ...options })
    const client = await DeflateClient.join(engine, NAME)
    t.same([client.extensions, client.peer.extensions, client.peer.keepsContext], ['', '', false])
    client.peer.send(feed(1))
    t.equal((await client.next()).isCompressed, false)
    client.send(feed(1))
    t.match(await client.client.waitClosed(), { closeCode: 1002 })
  }
})

t.test('CP07: below the threshold and with compress: false a message is sent as it is', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 1, compression: 'dedicated', compressThreshold: 500 })
  const joined = await DeflateClient.join(engine, NAME)
  const { id, peer } = joined
  const expectNext = async (length: number, isCompressed: boolean, isBinary: boolean): Promise<void> => {
    const next = await joined.next()
    t.same([next.payload.length, next.isCompressed, next.isBinary], [length, isCompressed, isBinary])
  }
  for (const isBinary of [false, true]) {
    for (const to of [
      (message: Buffer, options: SendOptions) => peer.send(message, options),
      (message: Buffer, options: SendOptions) => engine.server.send(id, message, options),
      (message: Buffer, options: SendOptions) => engine.server.broadcast(message, options),
    ]) {
      to(Buffer.alloc(499), { isBinary })
      await expectNext(499, false, isBinary)
      to(Buffer.alloc(500), { isBinary })
      await expectNext(500, true, isBinary)
      to(Buffer.alloc(500), { isBinary, compress: false })
      await expectNext(500, false, isBinary)
      // Long enough to travel between the threads by itself.
      to(Buffer.alloc(900_000), { isBinary, compress: false })
      await expectNext(900_000, false, isBinary)
      to(Buffer.alloc(900_000), { isBinary })
      await expectNext(900_000, true, isBinary)
    }
  }
})

t.test('CP07: a broadcast arrives at every connection, and the same bytes at all with the same window', async (t) => {
  for (const shards of [0, 1, 3]) {
    const engine = await EngineUnderTest.start(t, { shards, compression: 'dedicated' })
    const clients = await Promise.all([...OFFERS, ...OFFERS].map((offer) => DeflateClient.join(engine, offer)))
    // Contexts that have seen it would compress it to nearly nothing.
    for (const { peer } of clients) peer.send(feed(7))
    for (const client of clients) t.equal(await client.nextText(), feed(7))
    engine.server.broadcast(feed(7))
    const bodies = new Map<string, Set<string>>()
    for (const client of clients) {
      const { payload, body, isCompressed } = await client.next()
      t.equal(payload.toString(), feed(7))
      t.equal(isCompressed, client.extensions !== '')
      const window = /server_max_window_bits=\d+/.exec(client.extensions)?.[0] ?? ''
      bodies.set(window, (bodies.get(window) ?? new Set()).add(body.toString('hex')))
    }
    t.same(
      [...bodies].map(([, { size }]) => size),
      [1, 1, 1],
      'for windows of 13 and 9 bits and for none',
    )
  }
})

t.test('sends and broadcasts in turns stay decodable on connections that keep a context', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 1, compression: 'dedicated' })
  const clients = await Promise.all(OFFERS.map((offer) => DeflateClient.join(engine, offer)))
  const sent: string[] = []
  // In no plain rhythm, and repeating what was sent the other way.
  for (let step = 0; step < 64; step++) {
    const text = feed(step % 3)
    sent.push(text)
    const isPlain = step % 7 === 0
    if (((step * 37) >> 2) % 2 === 0) engine.server.broadcast(text, { compress: !isPlain })
    else for (const { peer } of clients) peer.send(text, { compress: !isPlain })
  }
  for (const client of clients) {
    for (const [step, text] of sent.entries()) {
      t.ok((await client.nextText()) === text, `${client.extensions || 'plain'}: message ${step}`)
    }
  }
})

t.test('CP03 ME05: the ratio is what was seen on the wire, in both directions and for broadcasts', async (t) => {
  for (const mode of ['shared', 'dedicated'] as const) {
    WebSocketServer.resetPerformanceMetrics()
    const engine = await EngineUnderTest.start(t, { shards: 1, compression: mode })
    const a = await DeflateClient.join(engine, NAME)
    const b = await DeflateClient.join(engine, `${NAME}; server_max_window_bits=9`)
    const ratios = (): number[] =>
      [engine.server.stats(), WebSocketServer.getPerformanceMetrics()].map(({ compressionRatio }) => compressionRatio)
    t.same([...ratios(), a.peer.compressionRatio], [0, 0, 0])

    const check = (what: string): void => {
      const [compressed, original] = [a.compressedBytes + b.compressedBytes, a.originalBytes + b.originalBytes]
      for (const ratio of ratios()) t.equal(ratio, 1 - compressed / original, `${mode}, ${what}: the server's`)
      for (const client of [a, b]) t.equal(client.peer.compressionRatio, client.ratio, `${mode}, ${what}: a peer's`)
    }
    for (const [count, client] of [a, a, b].entries()) {
      client.send(feed(count))
      await engine.journal.messageCount(count + 1)
    }
    check('received')
    for (const client of [a, b]) {
      for (const message of [feed(1), feed(2), 'short and not compressed']) client.peer.send(message)
      client.peer.send(feed(3), { compress: false })
      for (let count = 0; count < 4; count++) await client.next()
    }
    check('sent')
    t.ok(a.ratio > 0.5 && a.ratio < 1)
    engine.server.broadcast(feed(4))
    engine.server.broadcast(feed(5))
    for (const client of [a, b, a, b]) t.ok((await client.next()).isCompressed)
    check('broadcast')
  }
})

t.test('connections past maxDedicatedContexts keep no context, until one is free again', async (t) => {
  const compression = { mode: 'dedicated', maxDedicatedContexts: 2 } as const
  const engine = await EngineUnderTest.start(t, { shards: 1, compression })
  const first = await DeflateClient.join(engine, NAME)
  // Neither counts: one agrees on nothing, one needs no context.
  await DeflateClient.join(engine, null)
  await DeflateClient.join(engine, NO_TAKEOVER)
  const second = await DeflateClient.join(engine, NAME)
  const third = await DeflateClient.join(engine, NAME)
  t.same(
    [first, second, third].map(({ peer }) => peer.keepsContext),
    [true, true, false],
  )
  t.match(third.extensions, `${NO_TAKEOVER};`)
  first.client.destroy()
  await engine.journal.closeOf(first.id)
  const fourth = await DeflateClient.join(engine, NAME)
  t.equal(fourth.peer.keepsContext, true)
  t.equal((await DeflateClient.join(engine, NAME)).peer.keepsContext, false)
  for (const client of [second, third, fourth]) {
    for (let number = 0; number < 3; number++) {
      client.peer.send(feed(number))
      t.equal(await client.nextText(), feed(number))
    }
  }
})

t.test('maxDedicatedContexts holds for handshakes at once', async (t) => {
  const compression = { mode: 'dedicated', maxDedicatedContexts: 2 } as const
  const engine = await EngineUnderTest.start(t, { shards: 1, compression })
  const clients = await Promise.all(Array.from({ length: 12 }, () => DeflateClient.join(engine, NAME)))
  t.equal(clients.filter(({ peer }) => peer.keepsContext).length, 2)
})

t.test('a client of `ws` understands and is understood', async (t) => {
  for (const mode of ['shared', 'dedicated'] as const) {
    const engine = await EngineUnderTest.start(t, { shards: 1, compression: mode })
    engine.server.on('message', (id, message, isBinary) => engine.server.send(id, message, isBinary))
    for (const perMessageDeflate of [
      true,
      { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 },
      { serverMaxWindowBits: 9, clientMaxWindowBits: 9, threshold: 0 },
      { serverMaxWindowBits: 15, threshold: 0 },
      false,
    ]) {
      const client = await MessageClient.connect(`ws://127.0.0.1:${engine.port}`, [], { perMessageDeflate })
      t.equal(client.socket.extensions, perMessageDeflate === false ? '' : NAME)
      for (let number = 0; number < 10; number++) {
        const isBinary = number % 2 === 0
        client.socket.send(Buffer.from(feed(number)), { binary: isBinary })
        const next = await client.next()
        t.ok(next.isBinary === isBinary && String(next.data) === feed(number), `${mode}: ${number}`)
        engine.server.broadcast(feed(number))
        t.equal(await client.nextText(), feed(number))
      }
      t.equal((await client.close()).code, 1000)
      await eventually('it has left', () => engine.server.getConnections().length === 0)
    }
    t.same(engine.journal.errors, [])
  }
})
