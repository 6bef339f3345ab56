import fc from 'fast-check'
import t from 'tap'
import { MessageBuffer } from '../../../src/shared/protocol/message-buffer.ts'

t.test('all parts, in order, whatever their sizes and alignment', (t) => {
  const part = fc.record({ size: fc.oneof(fc.nat(20), fc.nat(9000)), shift: fc.nat(20), missing: fc.nat(100_000) })
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 12 }), (parts) => {
      const buffers = parts.map(({ size, shift }, index) => Buffer.alloc(size + shift, index + 1).subarray(shift))
      let message: MessageBuffer | null = null
      for (const [index, bytes] of buffers.slice(0, -1).entries()) {
        message = MessageBuffer.append(message, bytes, parts[index]?.missing ?? 0)
      }
      const last = buffers.at(-1) as Buffer
      return MessageBuffer.complete(message, last).equals(Buffer.concat(buffers))
    }),
  )
  t.end()
})

t.test('a payload that came in one part is not copied', (t) => {
  const only = Buffer.from('all of it')
  t.equal(MessageBuffer.complete(null, only), only)
  t.end()
})

t.test('room follows what has arrived', (t) => {
  const roomOf = (message: MessageBuffer): number => MessageBuffer.complete(message, Buffer.alloc(0)).buffer.byteLength
  const one = Buffer.of(1)
  t.ok(roomOf(MessageBuffer.append(null, one, 2 ** 30)) <= 20, 'a gigabyte declared')
  const quarter = Buffer.alloc(25_000)
  t.ok(roomOf(MessageBuffer.append(null, quarter, 75_000)) <= 100_015, 'a frame of which a quarter is here')
  let message: MessageBuffer | null = null
  for (let count = 1; count <= 100_000; count += 1) message = MessageBuffer.append(message, one, 0)
  t.ok(roomOf(message as MessageBuffer) <= 100_000 * 1.25 + 4096, 'many tiny fragments')
  t.end()
})
