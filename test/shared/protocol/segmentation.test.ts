import assert from 'node:assert/strict'
import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { encodeMaskedFrame } from '../../../src/shared/protocol/frame-writer.ts'
import { Opcode } from '../../../src/shared/protocol/opcodes.ts'
import { parse } from './event-log.ts'

/** Small, so that streams meet them. */
const LIMITS = { maxPayload: 600, maxCompressedSize: 400, maxFragments: 6, allowRsv1: true }

const opcodes = fc.constantFrom<Opcode>(
  Opcode.TEXT,
  Opcode.TEXT,
  Opcode.BINARY,
  Opcode.CONTINUATION,
  Opcode.CONTINUATION,
  Opcode.PING,
  Opcode.PONG,
)
const payloads = fc.oneof(
  { weight: 5, arbitrary: fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => Buffer.from(text)) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 2, arbitrary: fc.integer({ min: 100, max: 420 }).map((length) => Buffer.alloc(length, 'x')) },
)

interface Frame {
  readonly opcode: Opcode
  readonly payload: Buffer
  readonly isFinal: boolean
  readonly isCompressed: boolean
  readonly key: number
}

const frames: fc.Arbitrary<Buffer> = fc
  .record({ opcode: opcodes, payload: payloads, isFinal: fc.boolean(), isCompressed: fc.boolean(), key: fc.integer() })
  .map(encode)
const closes = fc
  .tuple(fc.constantFrom(1000, 1001, 1005, 3000, 4999, 5000), fc.uint8Array({ maxLength: 8 }))
  .map(([code, reason]) => encodeMaskedFrame(Opcode.CLOSE, Buffer.of(code >> 8, code & 0xff, ...reason), code))
const streams = fc
  .array(fc.oneof({ weight: 9, arbitrary: frames }, { weight: 1, arbitrary: closes }), { minLength: 1, maxLength: 12 })
  .map((list) => Buffer.concat(list))
const changes = fc.array(fc.record({ at: fc.nat(4000), byte: fc.nat(255) }), { maxLength: 3 })
const cuts = fc.array(fc.nat(4000), { maxLength: 12 })

function encode({ opcode, payload, isFinal, isCompressed, key }: Frame): Buffer {
  if (opcode >= Opcode.CLOSE) return encodeMaskedFrame(opcode, payload.subarray(0, 125), key)
  const isFirst = opcode !== Opcode.CONTINUATION
  const body = isFirst && isCompressed ? deflateRawSync(payload) : payload
  return encodeMaskedFrame(opcode, body, key, { fin: isFinal, rsv1: isFirst && isCompressed })
}

function cutAt(bytes: Buffer, positions: readonly number[]): Buffer[] {
  const edges = [0, ...positions.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return edges.slice(1).map((end, index) => bytes.subarray(edges[index], end))
}

t.test('row 73: property: any stream, valid or not, gives the same events however it is cut', async (t) => {
  const outcomes = new Map<string, number>()
  fc.assert(
    fc.property(streams, changes, cuts, (valid, list, positions) => {
      const stream = Buffer.from(valid)
      for (const { at, byte } of list) stream[at % stream.length] = byte
      const wanted = parse([stream], LIMITS)
      assert.deepEqual(parse(cutAt(stream, positions), LIMITS), wanted)
      assert.deepEqual(parse(cutAt(stream, Array.from(stream.keys())), LIMITS), wanted)
      const last = wanted.at(-1)?.split(' ')[0] ?? 'nothing'
      outcomes.set(last, (outcomes.get(last) ?? 0) + 1)
    }),
    { seed: 6455, numRuns: 2000 },
  )
  t.comment(JSON.stringify([...outcomes]))
  for (const wanted of [
    'binary',
    'text',
    'close',
    'RESERVED_BITS',
    'INVALID_UTF8',
    'MESSAGE_TOO_BIG',
    'MASK_REQUIRED',
  ]) {
    t.ok((outcomes.get(wanted) ?? 0) > 0, wanted)
  }
})
