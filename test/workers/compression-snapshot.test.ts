import assert from 'node:assert/strict'
import { constants, createDeflateRaw, createInflateRaw, type DeflateRaw, type InflateRaw } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { ShardwsError } from '../../src/shared/errors.ts'
import { Compression, type ConnectionCompression } from '../../workers/compression.ts'
import { HANDLE_ENGINE } from '../../workers/zlib-handle.ts'
import { PER_MESSAGE_ENGINE } from '../../workers/zlib-per-message.ts'
import { FORGETTING, KEEPING, OPTIONS, TAIL, TEXT } from './compression-samples.ts'
import { payloads } from './payloads.ts'

/** A peer that keeps its contexts, made of zlib's own streams. */
class ReferenceClient {
  readonly #deflate: DeflateRaw
  readonly #inflate: InflateRaw = createInflateRaw({ windowBits: 15 })

  constructor(windowBits: number) {
    this.#deflate = createDeflateRaw({ windowBits, level: 9 })
  }

  async send(message: Uint8Array): Promise<Buffer> {
    if (message.length === 0) return Buffer.of(0)
    return (await flushed(this.#deflate, message)).subarray(0, -TAIL.length)
  }

  receive(body: Uint8Array): Promise<Buffer> {
    return flushed(this.#inflate, Buffer.concat([body, TAIL]))
  }
}

function flushed(stream: DeflateRaw | InflateRaw, input: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    const onData = (part: Buffer): void => void parts.push(part)
    stream.on('data', onData).once('error', reject)
    stream.write(input)
    stream.flush(constants.Z_SYNC_FLUSH, () => {
      stream.off('data', onData).off('error', reject)
      resolve(Buffer.concat(parts))
    })
  })
}

/** The message as text, or the code of the error. */
function outcome(connection: ConnectionCompression, body: Buffer, now = 0): string {
  const result = connection.inflate(body, now)
  return result instanceof ShardwsError ? result.code : result.toString()
}

/** The connection on another shard. */
function moved(from: ConnectionCompression, to: Compression, now = 0): ConnectionCompression {
  const snapshot = structuredClone(from.snapshot(now))
  from.close()
  const connection = to.open(from.agreement)
  connection.restore(snapshot, now)
  return connection
}

t.test('property: a client that keeps its contexts notices nothing of moves, over both engines', async (t) => {
  const steps = fc.array(fc.record({ payload: payloads, to: fc.option(fc.nat(3), { nil: null }) }), { maxLength: 30 })
  const total = { messages: 0, moves: 0 }
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 9, max: 15 }), async (sequence, windowBits) => {
      const engines = [HANDLE_ENGINE, PER_MESSAGE_ENGINE, HANDLE_ENGINE, PER_MESSAGE_ENGINE]
      const shards = engines.map((engine) => new Compression(OPTIONS, engine))
      const client = new ReferenceClient(windowBits)
      let connection = shards[0]!.open({ ...KEEPING, clientMaxWindowBits: windowBits })
      for (const { payload, to } of sequence) {
        const message = connection.inflate(await client.send(payload), 0)
        assert.ok(Buffer.isBuffer(message) && message.equals(payload))
        if (to !== null) {
          connection = moved(connection, shards[to]!)
          total.moves += 1
        }
        const answer = Buffer.from(connection.deflate(payload)!)
        assert.ok((await client.receive(answer)).equals(payload))
        total.messages += 2
      }
      for (const each of [connection, ...shards]) each.close()
    }),
    { numRuns: 60 },
  )
  t.comment(JSON.stringify(total))
  t.ok(total.moves > 100)
})

for (const engine of [HANDLE_ENGINE, PER_MESSAGE_ENGINE]) {
  t.test(`${engine.name}: what came before the move is needed, all of the window`, async (t) => {
    const [one, two] = [new Compression(OPTIONS, engine), new Compression(OPTIONS, engine)]
    const client = new ReferenceClient(15)
    const noise = Buffer.from(Uint32Array.from({ length: 7500 }, (_, at) => Math.imul(at + 1, 2654435761)).buffer)
    const connection = one.open(KEEPING)
    t.ok(Buffer.isBuffer(connection.inflate(await client.send(Buffer.concat([TEXT, noise])), 0)))
    const body = await client.send(TEXT)
    t.ok(body.length < 20, 'it refers to 30 KB ago')
    t.equal(outcome(two.open(KEEPING), body), 'INVALID_COMPRESSED_DATA')
    t.equal(outcome(moved(connection, two), body), TEXT.toString())
  })

  t.test(`${engine.name}: what a final block has ended is not referred to after a move either`, async (t) => {
    const shard = new Compression(OPTIONS, engine)
    const reference = Buffer.from('f200110000', 'hex')
    const plain = shard.open(KEEPING)
    t.equal(outcome(plain, Buffer.from('f248cdc9c90700', 'hex')), 'Hello')
    const next = moved(plain, shard)
    t.ok(Buffer.isBuffer(next.inflate(reference, 0)), 'this one refers to Hello')
    const ended = shard.open(KEEPING)
    for (const body of ['f248cdc9c90700', 'f348cdc9c9070000']) {
      t.equal(outcome(ended, Buffer.from(body, 'hex')), 'Hello')
    }
    t.equal(outcome(moved(ended, shard), reference), 'INVALID_COMPRESSED_DATA')
  })
}

t.test('without takeover nothing is kept', async (t) => {
  const shard = new Compression(OPTIONS)
  for (const agreement of [FORGETTING, { ...KEEPING, clientNoContextTakeover: true }]) {
    const connection = shard.open(agreement)
    connection.inflate(await new ReferenceClient(15).send(TEXT), 0)
    t.equal(connection.snapshot(0).received, null)
  }
})

t.test('a connection that has received nothing has nothing to carry', async (t) => {
  const shard = new Compression(OPTIONS)
  t.same(shard.open(KEEPING).snapshot(0), { received: null, budget: null })
  const connection = moved(shard.open(KEEPING), shard)
  t.ok(Buffer.isBuffer(connection.inflate(await new ReferenceClient(15).send(TEXT), 0)))
})

t.test('no more than the window is carried', async (t) => {
  const shard = new Compression(OPTIONS)
  for (const [bits, bytes] of [
    [8, 512],
    [9, 512],
    [13, 8192],
    [15, 32_768],
  ] as const) {
    const client = new ReferenceClient(Math.max(9, bits))
    const connection = shard.open({ ...KEEPING, clientMaxWindowBits: bits })
    for (let i = 0; i < 100; i++) connection.inflate(await client.send(Buffer.alloc(500, i)), 0)
    t.equal(connection.snapshot(0).received?.length, bytes)
    connection.close()
  }
})

t.test('the budget of inflated bytes is carried, by whatever clock', async (t) => {
  const shard = new Compression({ ...OPTIONS, maxPayload: 1000, inflateBytesPerSecond: 1000 })
  const body = Buffer.from(shard.deflateShared(Buffer.alloc(1000), 13))
  const connection = shard.open(FORGETTING)
  for (let i = 0; i < 2; i++) t.ok(Buffer.isBuffer(connection.inflate(body, 0)))
  const next = shard.open(FORGETTING)
  next.restore(connection.snapshot(500), 1e6)
  t.equal(outcome(next, body, 1e6 + 499), 'INFLATE_BUDGET')
  t.ok(Buffer.isBuffer(next.inflate(body, 1e6 + 500)))
})

t.test('who leaves gives its context back, who arrives is subject to maxDedicatedContexts', async (t) => {
  const shards = [0, 1].map(() => new Compression({ ...OPTIONS, maxDedicatedContexts: 1 }))
  const [one, two] = shards as [Compression, Compression]
  const [stays, moves, waits] = [two.open(KEEPING), one.open(KEEPING), one.open(KEEPING)]
  for (const each of [stays, moves]) each.deflate(TEXT)
  const plainSize = waits.deflate(TEXT)!.length
  const arrived = moved(moves, two)
  t.same([arrived.deflate(TEXT)!.length, arrived.deflate(TEXT)!.length], [plainSize, plainSize], 'no context is free')
  waits.deflate(TEXT)
  t.ok(waits.deflate(TEXT)!.length < plainSize, 'there one is free now')
})
