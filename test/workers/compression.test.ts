import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { constants, inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { ShardwsError } from '../../src/shared/errors.ts'
import { parseExtensions } from '../../src/shared/protocol/extensions.ts'
import { FrameParser } from '../../src/shared/protocol/frame-parser.ts'
import { encodeFrame } from '../../src/shared/protocol/frame-writer.ts'
import { formatAccepted } from '../../src/shared/protocol/handshake.ts'
import { Opcode } from '../../src/shared/protocol/opcodes.ts'
import { type DeflatePolicy, formatAgreement, negotiate } from '../../src/shared/protocol/permessage-deflate.ts'
import { Compression } from '../../workers/compression.ts'
import { HANDLE_ENGINE } from '../../workers/zlib-handle.ts'
import { PER_MESSAGE_ENGINE } from '../../workers/zlib-per-message.ts'
import type { ZlibEngine } from '../../workers/zlib-stream.ts'
import { FORGETTING, KEEPING, OPTIONS, TAIL, TEXT } from './compression-samples.ts'
import { payloads } from './payloads.ts'

const MIB = 1024 * 1024

/** zlib's own reading of what one connection was sent. */
function inflated(bodies: readonly Uint8Array[]): string {
  const stream = Buffer.concat(bodies.flatMap((body) => [body, TAIL]))
  return inflateRawSync(stream, { finishFlush: constants.Z_SYNC_FLUSH }).toString()
}

/** Null for a message: a Buffer would match every pattern. */
function failureOf(result: Buffer | ShardwsError): ShardwsError | null {
  return result instanceof ShardwsError ? result : null
}

/** An engine that counts the contexts it has made and those that are open. */
function counting(): { engine: ZlibEngine; counts: { made: number; open: number } } {
  const counts = { made: 0, open: 0 }
  const counted = <Stream extends { close(): void }>(stream: Stream): Stream => {
    counts.made += 1
    counts.open += 1
    const close = stream.close.bind(stream)
    stream.close = () => {
      counts.open -= 1
      close()
    }
    return stream
  }
  const engine: ZlibEngine = {
    name: 'counting',
    createDeflate: (parameters) => counted(HANDLE_ENGINE.createDeflate(parameters)),
    createInflate: (windowBits) => counted(HANDLE_ENGINE.createInflate(windowBits)),
  }
  return { engine, counts }
}

t.test('CRIME: without takeover nothing of a message shows in the size of the next', async (t) => {
  const shard = new Compression(OPTIONS)
  const [one, two] = [shard.open(FORGETTING), shard.open(FORGETTING)]
  const size = one.deflate(TEXT)!.length
  t.equal(one.deflate(TEXT)!.length, size, 'the same connection')
  t.equal(two.deflate(TEXT)!.length, size, 'another connection')
  const [three, four] = [shard.open(KEEPING), shard.open(KEEPING)]
  t.equal(three.deflate(TEXT)!.length, size)
  t.equal(four.deflate(TEXT)!.length, size, 'a context belongs to one connection')
  t.ok(three.deflate(TEXT)!.length < size / 2)
})

t.test('contexts are made when they are needed and freed with their connection', async (t) => {
  const { engine, counts } = counting()
  const shard = new Compression(OPTIONS, engine)
  const connections = Array.from({ length: 10 }, (_, at) => shard.open(at < 5 ? KEEPING : FORGETTING))
  t.equal(counts.made, 0, 'a connection that is silent has none')
  for (const each of connections) {
    const body = Buffer.from(each.deflate(TEXT)!)
    each.inflate(body, 0)
  }
  t.equal(counts.made, 5 * 2 + 2, 'five of their own, one pair for the others')
  for (const each of [...connections, ...connections]) each.close()
  t.equal(counts.open, 2)
  shard.close()
  t.equal(counts.open, 0)
})

t.test('past maxDedicatedContexts messages are sent without a context, until one is free', async (t) => {
  const { engine, counts } = counting()
  const shard = new Compression({ ...OPTIONS, maxDedicatedContexts: 1 }, engine)
  const [first, second] = [shard.open(KEEPING), shard.open(KEEPING)]
  first.deflate(TEXT)
  const bodies = [second.deflate(TEXT), second.deflate(TEXT)].map((body) => Buffer.from(body!))
  t.equal(bodies[0]!.length, bodies[1]!.length)
  t.equal(counts.made, 2, 'one dedicated, one shared')
  first.close()
  for (let i = 0; i < 2; i += 1) bodies.push(Buffer.from(second.deflate(TEXT)!))
  t.ok(bodies[3]!.length < bodies[2]!.length)
  t.equal(inflated(bodies), TEXT.toString().repeat(4), 'the receiver can follow')
})

t.test('a message that would not get smaller is sent as it is, unless the context has seen it', async (t) => {
  const shard = new Compression(OPTIONS)
  const random = Buffer.from(Uint8Array.from({ length: 100 }, (_, at) => Math.imul(at + 1, 2654435761) >>> 13))
  for (const payload of [random, Buffer.from('a'), Buffer.alloc(0)]) {
    t.equal(shard.open(FORGETTING).deflate(payload), null)
    t.not(shard.open(KEEPING).deflate(payload), null)
  }
})

t.test('one body for many connections', async (t) => {
  const shard = new Compression(OPTIONS)
  const news = Buffer.from('news for everybody, and everybody gets the same news')
  for (const agreement of [KEEPING, FORGETTING]) {
    const connection = shard.open(agreement)
    const bodies = [Buffer.from(connection.deflate(TEXT)!), Buffer.from(shard.deflateShared(news, 13))]
    connection.forgetSent()
    for (let i = 0; i < 2; i += 1) bodies.push(Buffer.from(connection.deflate(TEXT)!))
    t.equal(inflated(bodies), [TEXT, news, TEXT, TEXT].join(''))
  }
})

t.test('an answer may be made of the very bytes that came', async (t) => {
  const shard = new Compression(OPTIONS)
  const connection = shard.open(FORGETTING)
  const message = connection.inflate(Buffer.from(connection.deflate(TEXT)!), 0) as Buffer
  const body = connection.deflate(message)!
  t.equal(message.toString(), TEXT.toString(), 'deflating does not write over it')
  t.equal(inflated([body]), TEXT.toString())
})

t.test('the budget of inflated bytes', async (t) => {
  const shard = new Compression({ ...OPTIONS, maxPayload: 1000, inflateBytesPerSecond: 1000 })
  const connection = shard.open(FORGETTING)
  const body = Buffer.from(shard.deflateShared(Buffer.alloc(1000), 13))
  for (let i = 0; i < 2; i += 1) t.ok(Buffer.isBuffer(connection.inflate(body, 0)))
  t.match(failureOf(connection.inflate(body, 999)), { code: 'INFLATE_BUDGET', closeCode: 1008 })
  t.ok(Buffer.isBuffer(connection.inflate(body, 1000)))
  t.ok(Buffer.isBuffer(shard.open(FORGETTING).inflate(body, 1000)), 'each connection has its own')
  const large = new Compression({ ...OPTIONS, inflateBytesPerSecond: 1, maxPayload: 1000 }).open(KEEPING)
  t.ok(Buffer.isBuffer(large.inflate(body, 0)), 'the largest message fits in any case')
})

t.test('errors', async (t) => {
  const shard = new Compression({ ...OPTIONS, maxPayload: 100 })
  const body = Buffer.from(shard.deflateShared(Buffer.alloc(101), 13))
  for (const agreement of [KEEPING, FORGETTING]) {
    const connection = shard.open(agreement)
    t.match(failureOf(connection.inflate(body, 0)), { code: 'MESSAGE_TOO_BIG' })
    t.match(failureOf(connection.inflate(Buffer.of(0xff), 0)), { code: 'INVALID_COMPRESSED_DATA' })
    t.ok(Buffer.isBuffer(shard.open(agreement).inflate(Buffer.of(0x00), 0)), 'other connections are not concerned')
  }
})

t.test('property: any number of connections, in any order, over both engines', async () => {
  const steps = fc.array(fc.tuple(fc.nat(3), payloads), { maxLength: 20 })
  const engines = fc.constantFrom(HANDLE_ENGINE, PER_MESSAGE_ENGINE)
  const bits = fc.integer({ min: 9, max: 15 })
  fc.assert(
    fc.property(steps, engines, engines, bits, (sequence, from, to, windowBits) => {
      const sender = new Compression(OPTIONS, from)
      const receiver = new Compression(OPTIONS, to)
      const pairs = [0, 1, 2, 3].map((at) => {
        const isKeeping = at % 2 === 0
        const agreement = {
          ...(isKeeping ? KEEPING : FORGETTING),
          serverMaxWindowBits: windowBits,
          clientMaxWindowBits: windowBits,
        }
        return [sender.open(agreement), receiver.open(agreement)] as const
      })
      for (const [at, payload] of sequence) {
        const [one, other] = pairs[at]!
        const body = one.deflate(payload)
        const message = body === null ? payload : other.inflate(body, 0)
        assert.ok(Buffer.isBuffer(message) && message.equals(payload))
      }
      for (const [one, other] of pairs) {
        one.close()
        other.close()
      }
    }),
    { numRuns: 100 },
  )
})

/** An echo server of nothing but the protocol and one shard's compression. Returns its URL. */
async function listen(t: Test, policy: DeflatePolicy, shard: Compression): Promise<string> {
  const server = createServer()
  server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
    const agreement = negotiate(parseExtensions(request.headers['sec-websocket-extensions'] ?? '')!, policy)!
    const connection = shard.open(agreement)
    socket.write(formatAccepted(request.headers['sec-websocket-key']!, '', formatAgreement(agreement)))
    const parser = new FrameParser(
      'server',
      { maxPayload: MIB, maxCompressedSize: MIB, maxFragments: 100, allowRsv1: true },
      {
        onMessage(payload, isBinary, isCompressed) {
          const message = isCompressed ? connection.inflate(payload, 0) : payload
          assert.ok(!(message instanceof ShardwsError))
          const body = connection.deflate(message)
          socket.write(encodeFrame(isBinary ? Opcode.BINARY : Opcode.TEXT, body ?? message, { rsv1: body !== null }))
        },
        onPing: () => {},
        onPong: () => {},
        onClose: () => socket.end(encodeFrame(Opcode.CLOSE, Buffer.alloc(0))),
      },
    )
    socket.on('data', (bytes) => assert.equal(parser.push(bytes), null))
    socket.on('close', () => connection.close())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('a client of `ws`', async (t) => {
  const policies: Record<string, DeflatePolicy> = {
    shared: FORGETTING,
    dedicated: KEEPING,
    small: { ...KEEPING, serverMaxWindowBits: 9, clientMaxWindowBits: 9 },
  }
  for (const [name, policy] of Object.entries(policies)) {
    for (const engine of [HANDLE_ENGINE, PER_MESSAGE_ENGINE]) {
      t.test(`${name}, ${engine.name}`, async (t) => {
        const url = await listen(t, policy, new Compression(OPTIONS, engine))
        const client = new WebSocket(url, { perMessageDeflate: { threshold: 0, clientMaxWindowBits: 15 } })
        await once(client, 'open')
        t.match(client.extensions, 'permessage-deflate')
        const messages = fc.sample(payloads, { numRuns: 50, seed: 7692 })
        const received: Buffer[] = []
        client.on('message', (message: Buffer) => received.push(message))
        for (const message of messages) client.send(message)
        client.close()
        await once(client, 'close')
        t.equal(received.length, messages.length)
        t.ok(received.every((message, at) => message.equals(messages[at]!)))
      })
    }
  }
})
