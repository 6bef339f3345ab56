import assert from 'node:assert/strict'
import { constants, deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { ShardwsError } from '../../src/shared/errors.ts'
import { Deflater } from '../../workers/deflater.ts'
import { Inflater } from '../../workers/inflater.ts'
import { OutputArea } from '../../workers/output-area.ts'
import { HANDLE_ENGINE } from '../../workers/zlib-handle.ts'
import { PER_MESSAGE_ENGINE } from '../../workers/zlib-per-message.ts'
import type { ZlibEngine } from '../../workers/zlib-stream.ts'
import { payloads } from './payloads.ts'

const KIB = 1024
const MIB = 1024 * KIB
const ENGINES = [HANDLE_ENGINE, PER_MESSAGE_ENGINE]
const HELLO = 'f248cdc9c90700'

function inflaterOf(engine: ZlibEngine, maxPayload = MIB, windowBits = 15): Inflater {
  return new Inflater(engine, windowBits, maxPayload, new OutputArea())
}

/** The message as text, or the code of the error. */
function outcome(inflater: Inflater, hex: string, keepContext: boolean): string {
  const result = inflater.inflate(Buffer.from(hex, 'hex'), keepContext)
  return result instanceof ShardwsError ? result.code : result.toString()
}

/** One message as zlib's own functions make it. */
function body(payload: Buffer | string, windowBits = 15): Buffer {
  return deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH, windowBits }).subarray(0, -4)
}

const INVALID = 'INVALID_COMPRESSED_DATA'

/** Bodies by themselves, and what comes of them. */
const BODIES: [name: string, hex: string, wanted: string][] = [
  ['RFC 7692 §7.2.3.1: one block', HELLO, 'Hello'],
  ['RFC 7692 §7.2.3.3: no compression', '000500faff48656c6c6f00', 'Hello'],
  ['RFC 7692 §7.2.3.4: a final block', 'f348cdc9c9070000', 'Hello'],
  ['RFC 7692 §7.2.3.5: two blocks', 'f24805000000ffffcac9c90700', 'Hello'],
  ['RFC 7692 §7.2.3.6: an empty message', '00', ''],
  ['an empty body', '', ''],
  ['an empty fixed block', '0200', ''],
  ['a final block with nothing after it', 'f348cdc9c90700', 'Hello'],
  ['a final block without compression, ended by the tail', `${HELLO.slice(0, -2)}04`, 'Hello'],
  ['two final blocks', 'f348cdc9c90700f348cdc9c9070000', 'HelloHello'],
  ['a final block, then a plain one', 'f348cdc9c90700f248cdc9c90700', 'HelloHello'],
  ['many final blocks', `${'0300'.repeat(60)}${HELLO}`, 'Hello'],
  ['too many final blocks', `${'0300'.repeat(65)}${HELLO}`, INVALID],
  ['a block of a type that does not exist', '07', INVALID],
  ['a reference to what is not there', 'f200110000', INVALID],
  ['lengths that contradict each other', '000500ffff48656c6c6f00', INVALID],
  ['garbage after a final block', 'f348cdc9c90700ffff', INVALID],
  ['a final block whose last byte is missing', 'f348cdc9c907', INVALID],
]

/** Bodies that are cut off, which only shows when the message stands alone. */
const CUT_OFF: [name: string, hex: string][] = [
  ['in the last byte', HELLO.slice(0, -2)],
  ['in the middle', HELLO.slice(0, 6)],
  ['in a block without compression', '000500faff4865'],
  ['in a long block without compression', '0064009bff4865'],
  ['with the tail that should have been left out', `${HELLO}0000ffff`],
]

for (const engine of ENGINES) {
  t.test(engine.name, async (t) => {
    t.test('one body', async (t) => {
      for (const [name, hex, wanted] of BODIES) {
        for (const keepContext of [false, true]) {
          const inflater = inflaterOf(engine)
          t.equal(outcome(inflater, hex, keepContext), wanted, `${name}, context kept: ${keepContext}`)
          t.equal(outcome(inflater, HELLO, keepContext), 'Hello', `${name}: the next message`)
          inflater.close()
        }
      }
      for (const [name, hex] of CUT_OFF) t.equal(outcome(inflaterOf(engine), hex, false), INVALID, `cut off ${name}`)
    })

    t.test('RFC 7692 §7.2.3.2: a context that is kept, dropped, and lost with an error', async (t) => {
      const inflater = inflaterOf(engine)
      t.equal(outcome(inflater, HELLO, true), 'Hello')
      t.equal(outcome(inflater, 'f200110000', true), 'Hello')
      t.equal(outcome(inflater, '00', true), '')
      t.equal(outcome(inflater, 'f200110000', false), 'Hello')
      t.equal(outcome(inflater, 'f200110000', false), INVALID, 'the message before was the last of its context')
      t.equal(outcome(inflater, HELLO, true), 'Hello')
      t.equal(outcome(inflater, '07', true), INVALID)
      t.equal(outcome(inflater, 'f200110000', true), INVALID, 'nothing of the context is left')
      t.equal(outcome(inflater, HELLO, true), 'Hello')
      t.equal(outcome(inflater, 'f348cdc9c9070000', true), 'Hello')
      t.equal(outcome(inflater, 'f200110000', true), INVALID, 'a final block ends the context')
      t.equal(outcome(inflater, 'f348cdc9c90700', true), 'Hello')
      t.equal(outcome(inflater, 'f200110000', true), INVALID, 'also if nothing follows it')
    })

    t.test('a sender that keeps to a small window', async (t) => {
      const payload = Buffer.from(Array.from({ length: 3000 }, (_, at) => `${at * at} `).join(''))
      for (const windowBits of [9, 12, 15]) {
        const result = inflaterOf(engine, MIB, windowBits).inflate(body(payload, windowBits), false)
        t.ok(Buffer.isBuffer(result) && result.equals(payload))
      }
      const deflater = new Deflater(engine.createDeflate({ level: 6, memLevel: 8, windowBits: 15 }), new OutputArea())
      const inflater = inflaterOf(engine, MIB, 9)
      const message = payload.subarray(0, 2000)
      t.ok(Buffer.isBuffer(inflater.inflate(deflater.deflate(message, true), true)))
      const distant = inflater.inflate(deflater.deflate(message, true), true)
      t.match(distant, { code: INVALID }, 'and one that does not')
    })

    t.test('the limit, exactly', async (t) => {
      for (const maxPayload of [1, 125, 65_535, 65_536, 65_537, 200_000]) {
        for (const keepContext of [false, true]) {
          const inflater = inflaterOf(engine, maxPayload)
          const over = inflater.inflate(body(Buffer.alloc(maxPayload + 1)), keepContext)
          t.match(over, { code: 'MESSAGE_TOO_BIG', closeCode: 1009 }, `${maxPayload}`)
          const exact = inflater.inflate(body(Buffer.alloc(maxPayload)), keepContext)
          t.ok(Buffer.isBuffer(exact) && exact.equals(Buffer.alloc(maxPayload)), 'and the decoder can be used')
        }
      }
      const twoBlocks = Buffer.concat([deflateRawSync(Buffer.alloc(60)), body(Buffer.alloc(41))])
      t.match(inflaterOf(engine, 100).inflate(twoBlocks, false), { code: 'MESSAGE_TOO_BIG' }, 'over final blocks')
      t.equal((inflaterOf(engine, 101).inflate(twoBlocks, false) as Buffer).length, 101)
    })
  })
}

t.test('property: what one engine deflates the other inflates', async () => {
  const engines = fc.constantFrom(...ENGINES)
  const bits = fc.integer({ min: 9, max: 15 })
  fc.assert(
    fc.property(
      fc.array(payloads, { maxLength: 6 }),
      fc.boolean(),
      bits,
      engines,
      engines,
      (messages, keep, windowBits, from, to) => {
        const deflater = new Deflater(from.createDeflate({ level: 3, memLevel: 6, windowBits }), new OutputArea())
        const inflater = inflaterOf(to, MIB, windowBits)
        for (const message of messages) {
          const result = inflater.inflate(deflater.deflate(message, keep), keep)
          assert.ok(Buffer.isBuffer(result) && result.equals(message))
        }
        deflater.close()
        inflater.close()
      },
    ),
    { seed: 7692, numRuns: 300 },
  )
})

t.test('every byte of 200 messages, spoilt', async (t) => {
  const MAX_PAYLOAD = 480
  const counts = { intact: 0, changed: 0, INVALID_COMPRESSED_DATA: 0, MESSAGE_TOO_BIG: 0 }
  const inflaters = [inflaterOf(HANDLE_ENGINE, MAX_PAYLOAD), inflaterOf(HANDLE_ENGINE, MAX_PAYLOAD)]
  for (let index = 0; index < 200; index += 1) {
    const message = Buffer.from(JSON.stringify(Array.from({ length: 120 }, (_, at) => (at * index) ** 2 % 1009)))
    const valid = body(message)
    for (let at = 0; at < valid.length; at += 1) {
      const spoilt = Buffer.from(valid)
      spoilt[at] = (spoilt[at] as number) ^ (1 + ((index * 31 + at * 7) % 255))
      const keepContext = at % 2 === 0
      const inflater = inflaters[at % 2]!
      const result = inflater.inflate(spoilt, keepContext)
      if (result instanceof ShardwsError) counts[result.code as keyof typeof counts] += 1
      else {
        assert.ok(result.length <= MAX_PAYLOAD)
        counts[result.equals(message) ? 'intact' : 'changed'] += 1
      }
      // With a context a cut-off message reaches into the next one: such a connection gets a new decoder.
      if (keepContext) inflater.close()
      const next = inflater.inflate(valid, keepContext)
      assert.ok(Buffer.isBuffer(next) && next.equals(message))
      if (keepContext) inflater.close()
    }
  }
  t.comment(JSON.stringify(counts))
  t.ok(counts.INVALID_COMPRESSED_DATA > 1000)
  t.ok(counts.MESSAGE_TOO_BIG > 10)
  t.ok(counts.changed > 1000, 'DEFLATE has no checksum')
})

t.test('property: any bytes are a message or an error', async () => {
  for (const engine of ENGINES) {
    const inflater = inflaterOf(engine, 5000)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.boolean(), (bytes, keepContext) => {
        const result = inflater.inflate(bytes, keepContext)
        if (result instanceof ShardwsError) assert.ok([1007, 1009].includes(result.closeCode ?? 0))
        else assert.ok(result.length <= 5000)
      }),
      { seed: 7692, numRuns: 1000 },
    )
  }
})

t.test(
  'property: a body that was spoilt is a bounded message or an error, and the next connection unharmed',
  async (t) => {
    const MAX_PAYLOAD = 1000
    const change = fc.record({ at: fc.nat(2000), byte: fc.nat(255), kind: fc.constantFrom('set', 'insert', 'remove') })
    const bits = fc.integer({ min: 9, max: 15 })
    const counts = { message: 0, INVALID_COMPRESSED_DATA: 0, MESSAGE_TOO_BIG: 0 }
    fc.assert(
      fc.property(
        fc.array(payloads, { minLength: 1, maxLength: 3 }),
        fc.array(change, { minLength: 1, maxLength: 3 }),
        fc.constantFrom(...ENGINES),
        bits,
        fc.boolean(),
        (messages, changes, engine, windowBits, keepContext) => {
          const deflater = new Deflater(engine.createDeflate({ level: 6, memLevel: 8, windowBits }), new OutputArea())
          const inflater = inflaterOf(engine, MAX_PAYLOAD, windowBits)
          for (const message of messages) {
            const spoilt = [...deflater.deflate(message, keepContext)]
            for (const { at, byte, kind } of changes) {
              spoilt.splice(at % (spoilt.length + 1), kind === 'insert' ? 0 : 1, ...(kind === 'remove' ? [] : [byte]))
            }
            const result = inflater.inflate(Buffer.from(spoilt), keepContext)
            counts[result instanceof ShardwsError ? (result.code as keyof typeof counts) : 'message'] += 1
            if (!(result instanceof ShardwsError)) assert.ok(result.length <= MAX_PAYLOAD)
          }
          deflater.close()
          inflater.close()
        },
      ),
      { seed: 7692, numRuns: 1000 },
    )
    t.comment(JSON.stringify(counts))
    t.same(Object.keys(counts).length, 3, 'no other error')
    t.ok(Object.values(counts).every((count) => count > 20))
  },
)

t.test('a hundred bombs', async (t) => {
  // 64 KiB on the wire, 64 MiB in memory.
  const bomb = body(Buffer.alloc(64 * MIB))
  t.ok(bomb.length < 70 * KIB)
  const inflater = inflaterOf(HANDLE_ENGINE, MIB)
  inflater.inflate(bomb, false)
  const before = process.memoryUsage()
  const begin = process.cpuUsage()
  for (let i = 0; i < 100; i += 1) t.match(inflater.inflate(bomb, i % 2 === 0), { code: 'MESSAGE_TOO_BIG' })
  const { user, system } = process.cpuUsage(begin)
  const after = process.memoryUsage()
  t.ok(
    after.arrayBuffers - before.arrayBuffers < 2 * MIB,
    `${after.arrayBuffers - before.arrayBuffers} bytes of buffers`,
  )
  t.ok(after.external - before.external < 16 * MIB, `${after.external - before.external} external bytes`)
  t.ok((user + system) / 100 < 20_000, `${(user + system) / 100} µs each`)
})

t.test('an output area is shared by inflaters and written over', async (t) => {
  const output = new OutputArea()
  const [one, two] = [1, 2].map(() => new Inflater(HANDLE_ENGINE, 15, MIB, output))
  const first = one!.inflate(body('first'), true) as Buffer
  t.equal(first.toString(), 'first')
  t.equal((two!.inflate(body('again'), true) as Buffer).toString(), 'again')
  t.equal(first.toString(), 'again')
})
