import t from 'tap'
import { reusableSize, SpareMemory } from '../../../src/shared/protocol/spare-memory.ts'

const KIB = 1024
const MOST_BYTES = 8 * KIB * KIB

t.test('memory that was given is taken again, the latest first', async (t) => {
  const memory = new SpareMemory()
  const [one, other] = [memory.take(16 * KIB), memory.take(16 * KIB)]
  memory.give(one.buffer)
  memory.give(other.buffer)
  t.equal(memory.bytes, 32 * KIB)
  t.equal(memory.take(16 * KIB).buffer, other.buffer)
  t.equal(memory.take(16 * KIB - 100).buffer, one.buffer, 'also for a little less')
  t.equal(memory.bytes, 0)
  t.not(memory.take(16 * KIB).buffer, one.buffer, 'once')
})

t.test('the memory of a frame does for a message as long, whatever the header and the alignment', async (t) => {
  const memory = new SpareMemory()
  for (const bytes of [8 * KIB, 16 * KIB, 100_000, 1024 * KIB]) {
    const frame = Buffer.allocUnsafeSlow(reusableSize(bytes + 4))
    memory.give(frame.buffer)
    t.equal(memory.take(bytes + 15).buffer, frame.buffer, `${bytes}`)
  }
})

t.test('what is taken has room for what was asked, and not much more', async (t) => {
  const memory = new SpareMemory()
  for (const bytes of [64 * KIB, 60 * KIB, 50 * KIB, 30 * KIB]) {
    memory.give(new ArrayBuffer(64 * KIB))
    const { length, byteOffset, buffer } = memory.take(bytes)
    t.ok(length >= bytes && length <= bytes * 1.25 + KIB, `${bytes}: ${length}`)
    t.equal(byteOffset, 0)
    t.equal(buffer.byteLength, length)
  }
  memory.give(new ArrayBuffer(64 * KIB))
  t.ok(memory.take(64 * KIB + 1).length > 64 * KIB)
  t.equal(memory.take(100).length, 100, 'short memory is exact')
})

t.test('no more than 8 MiB and 64 pieces are kept, the oldest go first', async (t) => {
  const memory = new SpareMemory()
  memory.give(new ArrayBuffer(MOST_BYTES + 1))
  t.equal(memory.bytes, 0, 'too large at all')
  memory.give(new ArrayBuffer(MOST_BYTES))
  t.equal(memory.bytes, MOST_BYTES)
  memory.give(new ArrayBuffer(MOST_BYTES / 2))
  t.equal(memory.bytes, MOST_BYTES / 2, 'the oldest made room')
  for (let count = 0; count < 64; count++) memory.give(new ArrayBuffer(10 * KIB))
  t.equal(memory.bytes, 64 * 10 * KIB)
})

t.test('kept is only what is worth it and is still there', async (t) => {
  const memory = new SpareMemory()
  memory.give(new ArrayBuffer(8 * KIB - 1))
  memory.give(new SharedArrayBuffer(16 * KIB))
  const transferred = new ArrayBuffer(16 * KIB)
  structuredClone(transferred, { transfer: [transferred] })
  memory.give(transferred)
  t.equal(memory.bytes, 0)
})

t.test('a copy is one, in memory of its own', async (t) => {
  const memory = new SpareMemory()
  const bytes = Buffer.alloc(20 * KIB, 'abcdefg').subarray(3)
  const copy = memory.copyOf(bytes)
  t.ok(copy.equals(bytes))
  t.not(copy.buffer, bytes.buffer)
  const next = memory.copyOf(Buffer.alloc(bytes.length))
  t.not(next.buffer, copy.buffer, 'nobody has given the first one back')
  t.ok(copy.equals(bytes))
})
