import fc from 'fast-check'
import t from 'tap'
import { maskKeyOf, rotateKey, unmask, xorRange } from '../../../src/shared/protocol/mask.ts'
import { hex } from './event-log.ts'

t.test('RFC 6455 §5.7: masked Hello', (t) => {
  const bytes = hex('7f9f4d5158')
  unmask(bytes, 0, 5, maskKeyOf(hex('37fa213d')), 0)
  t.equal(bytes.toString(), 'Hello')
  t.end()
})

t.test('equals the definition at every alignment, length and phase, and touches nothing else', (t) => {
  const lengths = fc.oneof(fc.nat(140), fc.integer({ min: 480, max: 700 }))
  fc.assert(
    fc.property(lengths, fc.nat(9), fc.nat(9), fc.nat(30), fc.integer(), (length, shift, start, after, key) => {
      const memory = Buffer.allocUnsafeSlow(shift + start + length + after)
      for (let index = 0; index < memory.length; index += 1) memory[index] = index * 31
      const phase = after % 8
      const bytes = memory.subarray(shift)
      const keyBytes = Buffer.alloc(4)
      keyBytes.writeInt32LE(key)
      const wanted = Buffer.from(memory)
      for (let at = 0; at < length; at += 1) {
        const index = shift + start + at
        wanted[index] = (memory[index] as number) ^ (keyBytes[(at + phase) % 4] as number)
      }
      unmask(bytes, start, start + length, maskKeyOf(keyBytes), phase)
      return memory.equals(wanted)
    }),
    { numRuns: 2000 },
  )
  t.end()
})

t.test('memory of another kind: a shared buffer, a pooled slice, then the first again', (t) => {
  const shared = Buffer.from(new SharedArrayBuffer(700))
  const pooled = Buffer.from('00000000', 'hex')
  for (const bytes of [shared, pooled, shared]) {
    bytes.fill(0)
    unmask(bytes, 0, bytes.length, 0x04030201, 0)
    t.same([...new Set(bytes)], [1, 2, 3, 4])
  }
  t.end()
})

t.test('rotateKey', (t) => {
  t.equal(rotateKey(0x04030201, 0), 0x04030201)
  t.equal(rotateKey(0x04030201, 1), 0x01040302)
  t.equal(rotateKey(0x04030201, 6), 0x02010403)
  t.equal(rotateKey(0x04030201, 7), 0x03020104)
  t.end()
})

t.test('says ASCII only of ASCII', (t) => {
  for (let length = 0; length < 600; length += 1) {
    const bytes = Buffer.alloc(length, 'a')
    const view = new DataView(bytes.buffer)
    const isAscii = xorRange(view, bytes.byteOffset, bytes.byteOffset + length, 0)
    if (!isAscii && length < 512) t.fail('not seen to be ASCII', { length })
    for (const at of [0, length >> 1, length - 1]) {
      if (length === 0) continue
      bytes[at] = 0x80
      if (xorRange(view, bytes.byteOffset, bytes.byteOffset + length, 0))
        t.fail('80 taken for ASCII', { length, position: at })
      bytes[at] = 0x61
    }
  }
  t.pass('all lengths')
  t.end()
})
