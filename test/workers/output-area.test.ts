import t from 'tap'
import { OutputArea } from '../../workers/output-area.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** Appends `bytes` bytes the way zlib does, as much as there is room for at a time. */
function fill(area: OutputArea, bytes: number): number[] {
  const sizes: number[] = []
  for (let left = bytes; left > 0; ) {
    const room = Math.min(area.makeRoom(), left)
    if (room === 0) break
    if (sizes.at(-1) !== area.bytes.length) sizes.push(area.bytes.length)
    area.length += room
    left -= room
  }
  return sizes
}

t.test('room follows what has arrived and stops one byte beyond the limit', async (t) => {
  for (const limit of [1, 100, 64 * KIB, 64 * KIB + 1, 256 * KIB, MIB - 1, MIB, 1.1 * MIB, 5 * MIB, 64 * MIB]) {
    const area = new OutputArea()
    area.begin(Math.floor(limit))
    const sizes = fill(area, limit * 2)
    t.equal(area.length, Math.floor(limit) + 1, 'the byte too many is there')
    t.equal(area.makeRoom(), 0)
    t.ok(area.allowance < 0)
    const [before = 0, last = 0] = sizes.slice(-2)
    const most = limit > MIB ? 1.5 * limit + 2 : limit + 64 * KIB + 1
    t.ok(before + last <= most || sizes.length === 1, `${limit}: ${sizes}`)
  }
})

t.test('small messages need no further memory', async (t) => {
  const area = new OutputArea()
  area.begin(MIB)
  t.same(fill(area, 1000), [64 * KIB])
  const { bytes } = area
  t.equal(area.take().length, 1000)
  area.begin(MIB)
  fill(area, 64 * KIB)
  t.equal(area.bytes, bytes, 'the same memory')
})

t.test('memory up to a mebibyte is kept for the next message, more is not', async (t) => {
  const area = new OutputArea()
  area.begin(MIB - 1)
  fill(area, MIB - 1)
  const { bytes } = area
  area.take()
  area.begin(64 * MIB)
  t.equal(area.bytes, bytes)
  fill(area, 2 * MIB)
  const message = area.take()
  area.begin(64 * MIB)
  t.equal(area.bytes.length, 64 * KIB)
  t.not(message.buffer, area.bytes.buffer, 'a large message has memory of its own')
})

t.test('what is appended is taken, over all growth', async (t) => {
  const area = new OutputArea()
  area.begin(MIB)
  const part = Buffer.from(Uint8Array.from({ length: 100_000 }, (_, at) => at % 251))
  for (let i = 0; i < 10; i += 1) t.ok(area.append(part))
  t.notOk(area.append(part.subarray(0, MIB - 10 * part.length + 1)), 'one byte over the limit')
  t.ok(area.take(5).equals(Buffer.concat(Array(10).fill(part)).subarray(0, -5)))
})
