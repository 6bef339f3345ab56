import t from 'tap'
import { copyBytes } from '../../../src/shared/protocol/copy-bytes.ts'

t.test('copies exactly the source, aligned or not, in parts or not', (t) => {
  const memory = Buffer.from(Array.from({ length: 9000 }, (_, index) => (index * 31) & 0xff))
  for (const length of [0, 1, 2047, 2048, 2049, 4096, 6145, 8192]) {
    for (const shift of [0, 4, 8, 14, 16]) {
      for (const offset of [0, 2, 4, 8, 10]) {
        const source = memory.subarray(shift, shift + length)
        const target = Buffer.alloc(offset + length + 3, 0xee)
        copyBytes(source, target, offset)
        const wanted = Buffer.concat([Buffer.alloc(offset, 0xee), source, Buffer.alloc(3, 0xee)])
        if (!target.equals(wanted)) t.fail('differs', { length, shift, offset })
      }
    }
  }
  t.pass('all equal')
  t.end()
})
