import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { encodeMaskedFrame } from '../../../src/shared/protocol/frame-writer.ts'
import { Opcode } from '../../../src/shared/protocol/opcodes.ts'

/** Small, so that streams meet them. */
export const LIMITS = { maxPayload: 600, maxCompressedSize: 400, maxFragments: 6, allowRsv1: true }

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
/** Valid frames in any order: fragments, controls between them, RSV1 or not, now and then a close frame. */
export const streams = fc
  .array(fc.oneof({ weight: 9, arbitrary: frames }, { weight: 1, arbitrary: closes }), { minLength: 1, maxLength: 12 })
  .map((list) => Buffer.concat(list))
/** Bytes to change in a stream. */
export const changes = fc.array(fc.record({ at: fc.nat(4000), byte: fc.nat(255) }), { maxLength: 3 })

function encode({ opcode, payload, isFinal, isCompressed, key }: Frame): Buffer {
  if (opcode >= Opcode.CLOSE) return encodeMaskedFrame(opcode, payload.subarray(0, 125), key)
  const isFirst = opcode !== Opcode.CONTINUATION
  const body = isFirst && isCompressed ? deflateRawSync(payload) : payload
  return encodeMaskedFrame(opcode, body, key, { fin: isFinal, rsv1: isFirst && isCompressed })
}
