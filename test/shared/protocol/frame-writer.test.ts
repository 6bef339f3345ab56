import fc from 'fast-check'
import t from 'tap'
import {
  encodeFrame,
  encodeMaskedFrame,
  frameHeaderSize,
  writeFrame,
  writeFrameHeader,
  writeTextFrame,
} from '../../../src/shared/protocol/frame-writer.ts'
import { maskKeyOf } from '../../../src/shared/protocol/mask.ts'
import { FIN, Opcode } from '../../../src/shared/protocol/opcodes.ts'
import { hex, parse } from './event-log.ts'

const HELLO = Buffer.from('Hello')

t.test('the examples of RFC 6455 §5.7', (t) => {
  t.equal(encodeFrame(Opcode.TEXT, HELLO).toString('hex'), '810548656c6c6f')
  t.equal(encodeMaskedFrame(Opcode.TEXT, HELLO, maskKeyOf(hex('37fa213d'))).toString('hex'), '818537fa213d7f9f4d5158')
  t.equal(encodeFrame(Opcode.TEXT, Buffer.from('Hel'), { fin: false }).toString('hex'), '010348656c')
  t.equal(encodeFrame(Opcode.CONTINUATION, Buffer.from('lo')).toString('hex'), '80026c6f')
  t.equal(encodeFrame(Opcode.PING, HELLO).toString('hex'), '890548656c6c6f')
  t.equal(encodeFrame(Opcode.BINARY, Buffer.alloc(256)).subarray(0, 5).toString('hex'), '827e010000')
  t.equal(encodeFrame(Opcode.BINARY, Buffer.alloc(65_536)).subarray(0, 11).toString('hex'), '827f000000000001000000')
  t.equal(encodeFrame(Opcode.TEXT, HELLO, { rsv1: true })[0], 0xc1)
  t.equal(HELLO.toString(), 'Hello', 'the payload is left as it is')
  t.end()
})

t.test('header sizes', (t) => {
  const table: [number, string][] = [
    [0, '8200'],
    [125, '827d'],
    [126, '827e007e'],
    [127, '827e007f'],
    [65_535, '827effff'],
    [65_536, '827f0000000000010000'],
    [0xffffffff, '827f00000000ffffffff'],
    [2 ** 32, '827f0000000100000000'],
    [Number.MAX_SAFE_INTEGER, '827f001fffffffffffff'],
  ]
  for (const [length, digits] of table) {
    const target = Buffer.alloc(16, 0xee)
    const end = writeFrameHeader(target, 3, FIN | Opcode.BINARY, length)
    t.equal(target.toString('hex'), `eeeeee${digits}${'ee'.repeat(13 - digits.length / 2)}`, String(length))
    t.equal(end, 3 + frameHeaderSize(length))
  }
  t.end()
})

t.test('frames are written one after the other', (t) => {
  const target = Buffer.alloc(64)
  let end = writeFrame(target, 1, FIN | Opcode.BINARY, hex('0102'))
  end = writeTextFrame(target, end, FIN | Opcode.TEXT, 'abc', 3)
  end = writeTextFrame(target, end, FIN | Opcode.TEXT, 'é\ud800', 5)
  t.equal(target.subarray(0, end).toString('hex'), '00 82020102 8103616263 8105c3a9efbfbd'.replaceAll(' ', ''))
  t.end()
})

t.test('the parser reads what the writer wrote', (t) => {
  const sizes = fc.oneof(fc.nat(200), fc.constantFrom(125, 126, 127, 65_535, 65_536))
  fc.assert(
    fc.property(sizes, fc.integer(), fc.string({ unit: 'binary', maxLength: 300 }), (size, key, text) => {
      const payload = Buffer.alloc(size, 'key')
      const byteLength = Buffer.byteLength(text)
      const target = Buffer.alloc(byteLength + 10)
      const end = writeTextFrame(target, 0, FIN | Opcode.TEXT, text, byteLength)
      const wanted = `binary ${payload.toString('hex')}`
      return (
        parse([encodeFrame(Opcode.BINARY, payload)], { role: 'client' }).join() === wanted &&
        parse([encodeMaskedFrame(Opcode.BINARY, payload, key)]).join() === wanted &&
        parse([target.subarray(0, end)], { role: 'client' }).join() === `text ${Buffer.from(text).toString('hex')}`
      )
    }),
    { seed: 6455 },
  )
  t.end()
})

t.test('property: any frames, written one after the other, are read as they were', (t) => {
  const bytes = fc.oneof(
    { weight: 6, arbitrary: fc.uint8Array({ maxLength: 300 }) },
    { weight: 1, arbitrary: fc.integer({ min: 65_530, max: 65_545 }).map((length) => new Uint8Array(length).fill(7)) },
  )
  const message = fc.record({ opcode: fc.constant(Opcode.BINARY), payload: bytes, rsv1: fc.boolean() })
  const control = fc.record({
    opcode: fc.constantFrom(Opcode.PING, Opcode.PONG),
    payload: fc.uint8Array({ maxLength: 125 }),
    rsv1: fc.constant(false),
  })
  const names = { [Opcode.BINARY]: 'binary', [Opcode.PING]: 'ping', [Opcode.PONG]: 'pong' }
  fc.assert(
    fc.property(fc.array(fc.oneof(message, control), { maxLength: 6 }), fc.integer(), (frames, key) => {
      const wanted = frames.map(
        ({ opcode, payload, rsv1 }) =>
          `${rsv1 ? 'compressed ' : ''}${names[opcode]} ${Buffer.from(payload).toString('hex')}`,
      )
      const plain = frames.map(({ opcode, payload, rsv1 }) => encodeFrame(opcode, payload, { rsv1 }))
      const masked = frames.map(({ opcode, payload, rsv1 }) => encodeMaskedFrame(opcode, payload, key, { rsv1 }))
      const limits = { allowRsv1: true }
      return (
        parse([Buffer.concat(plain)], { role: 'client', ...limits }).join('\n') === wanted.join('\n') &&
        parse([Buffer.concat(masked)], limits).join('\n') === wanted.join('\n')
      )
    }),
    { seed: 6455, numRuns: 300 },
  )
  t.end()
})

t.test('control frames the RFC forbids are refused', (t) => {
  t.equal(encodeFrame(Opcode.PING, Buffer.alloc(125)).length, 127)
  for (const opcode of [Opcode.CLOSE, Opcode.PING, Opcode.PONG]) {
    t.throws(() => encodeFrame(opcode, Buffer.alloc(126)), { code: 'ARGUMENT_INVALID' })
    t.throws(() => encodeMaskedFrame(opcode, HELLO, 1, { fin: false }), { code: 'ARGUMENT_INVALID' })
    t.throws(() => encodeFrame(opcode, HELLO, { rsv1: true }), { code: 'ARGUMENT_INVALID' })
  }
  t.end()
})
