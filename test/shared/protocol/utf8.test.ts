import fc from 'fast-check'
import t from 'tap'
import { advanceUtf8, isValidUtf8, UTF8_INVALID, Utf8Validator } from '../../../src/shared/protocol/utf8.ts'
import { everySplit, hex } from './event-log.ts'

const VALID = [
  '',
  '48656c6c6f2d c2b5c39fc3b6c3a4c3bcc3a0c3a1 2d555446 2d382121',
  'cebae1bdb9cf83cebcceb5',
  '00',
  'c280',
  'e0a080',
  'f0908080',
  '7f',
  'dfbf',
  'efbfbf',
  'f48fbfbf',
  'ed9fbf',
  'ee8080',
  'efbfbd',
  'efbfbe',
  'f09fbfbf',
]

/** Bytes that are invalid at the last one of them, and at none before. */
const INVALID = [
  '80',
  'bf',
  'c0',
  'c1',
  'f5',
  'f8',
  'fc',
  'fe',
  'ff',
  'c220',
  'e220',
  'e28220',
  'f020',
  'f09020',
  'f0908020',
  'c2c2',
  'e2e2',
  'e282e2',
  'f0908ff0',
  'e080',
  'e09f',
  'f080',
  'f08f',
  'eda0',
  'edad',
  'edb0',
  'edbf',
  'f490',
  'f4bf',
  'cebae1bdb9cf83cebcceb5eda0',
  'cebae1bdb9cf83cebcceb5f490',
  '61ff',
]

t.test('valid text, cut anywhere', (t) => {
  for (const digits of VALID) {
    for (const padding of [0, 70]) {
      const bytes = Buffer.concat([Buffer.alloc(padding, 'a'), hex(digits), Buffer.alloc(padding, 'a')])
      t.ok(isValidUtf8(bytes), digits)
      for (const parts of everySplit(bytes)) {
        const validator = new Utf8Validator()
        if (!parts.every((part) => validator.push(part)) || !validator.finish()) t.fail('refused', { parts })
      }
    }
  }
  t.end()
})

t.test('invalid text fails at the byte that makes it so, however it is cut', (t) => {
  for (const digits of INVALID) {
    for (const padding of [0, 70]) {
      const bytes = Buffer.concat([Buffer.alloc(padding, 'a'), hex(digits)])
      t.notOk(isValidUtf8(bytes), digits)
      const early = new Utf8Validator()
      t.ok(early.push(bytes.subarray(0, -1)), `${digits}: nothing wrong before its last byte`)
      t.notOk(early.push(bytes.subarray(-1)), `${digits}: wrong at its last byte`)
      t.notOk(early.push(Buffer.from('a')), 'and for good')
      t.notOk(early.finish())
      for (const parts of everySplit(bytes)) {
        const validator = new Utf8Validator()
        if (parts.map((part) => validator.push(part)).at(-1) !== false) t.fail('accepted', { parts })
      }
    }
  }
  t.end()
})

t.test('text that ends inside a character is incomplete, not invalid', (t) => {
  for (const digits of ['c2', 'e2', 'e282', 'f0', 'f090', 'f09080', 'e0a0', 'ed9f', 'f48fbf']) {
    const validator = new Utf8Validator()
    t.ok(validator.push(hex(digits)), digits)
    t.notOk(validator.finish(), digits)
    const successor = new Utf8Validator()
    successor.state = validator.state
    t.ok(successor.push(hex('bfbfbf'.slice(0, 2 * missingAfter(digits)))))
    t.ok(successor.finish(), `${digits}: carried on by another validator`)
    validator.reset()
    t.ok(validator.finish(), 'reset')
  }
  t.end()
})

function missingAfter(digits: string): number {
  const lead = Number.parseInt(digits.slice(0, 2), 16)
  return (lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4) - digits.length / 2
}

t.test('every pair and triple of bytes, and random bytes, as TextDecoder sees them', (t) => {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const isDecodable = (bytes: Uint8Array): boolean => {
    try {
      decoder.decode(bytes)
      return true
    } catch {
      return false
    }
  }
  const differences: string[] = []
  for (let value = 0; value < 0x10000; value += 1) {
    const pair = Buffer.of(value >> 8, value & 0xff)
    if ((advanceUtf8(0, pair, 0, 2) === 0) !== isDecodable(pair)) differences.push(pair.toString('hex'))
  }
  for (let value = 0; value < 0x2000; value += 1) {
    const triple = Buffer.of(0xe0 | (value >> 9), 0x80 ^ ((value >> 2) & 0x7f), 0x3f + (value & 3) * 0x40)
    if ((advanceUtf8(0, triple, 0, 3) === 0) !== isDecodable(triple)) differences.push(triple.toString('hex'))
  }
  t.same(differences, [])
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.string({ unit: 'binary', maxLength: 100 }).map((text) => new TextEncoder().encode(text)),
  )
  fc.assert(
    fc.property(bytes, fc.nat(200), (bytes, cut) => {
      const half = advanceUtf8(0, bytes, 0, Math.min(cut, bytes.length))
      const state = advanceUtf8(half, bytes, Math.min(cut, bytes.length), bytes.length)
      return (state === 0) === isDecodable(bytes) && (half !== UTF8_INVALID || state === UTF8_INVALID)
    }),
    { seed: 3629, numRuns: 2000 },
  )
  t.end()
})
