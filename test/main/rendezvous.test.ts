import fc from 'fast-check'
import t from 'tap'
import { rendezvous } from '../../src/main/rendezvous.ts'

/** Chi-square of how `keys` fall on `count` seats; its mean is `count - 1`. */
function chiSquare(keys: readonly string[], count: number): number {
  const hits = new Array<number>(count).fill(0)
  for (const key of keys) hits[rendezvous(key, count)]!++
  const expected = keys.length / count
  return hits.reduce((sum, hit) => sum + (hit - expected) ** 2 / expected, 0)
}

const LENGTH = 20_000

/** Keys as people use them: most differ in few characters only. */
const KEYS: Readonly<Record<string, (i: number) => string>> = {
  'decimal numbers': (i) => String(i),
  'padded numbers': (i) => `user-${String(i).padStart(8, '0')}`,
  'a number in front': (i) => `${i}/document`,
  'multiples of 256': (i) => String(i * 256),
  'one character': (i) => String.fromCharCode(i),
  'equal but for one character in the middle': (i) => `room:${String.fromCharCode(0x4e00 + i)}:lobby`,
  uuids: (i) =>
    `${(i * 2_654_435_761).toString(16).padStart(13, '0')}-9c1b-4a1e-8f00-${i.toString(16).padStart(12, '0')}`,
}

for (const [name, keyOf] of Object.entries(KEYS)) {
  t.test(`${name} fall evenly on the seats`, async (t) => {
    const keys = Array.from({ length: LENGTH }, (_, i) => keyOf(i))
    for (const count of [2, 3, 4, 7, 8, 16, 64, 256]) {
      const degrees = count - 1
      // Mean and six standard deviations: the keys are fixed, so this passes always or never.
      const bound = degrees + 6 * Math.sqrt(2 * degrees) + 6
      const found = chiSquare(keys, count)
      t.ok(found < bound, `${count} seats: ${found.toFixed(1)} < ${bound.toFixed(1)}`)
    }
  })
}

t.test('one seat is always the first', async () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (key) => rendezvous(key, 1) === 0))
})

t.test('a seat more takes keys only for itself; a seat fewer moves only its own', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 255 }), (key, count) => {
      const before = rendezvous(key, count)
      const after = rendezvous(key, count + 1)
      return before >= 0 && before < count && (after === before || after === count)
    }),
    { numRuns: 5000, seed: 1 },
  )
})

t.test('of many keys, a seat more moves about as many as it must', async (t) => {
  const keys = Array.from({ length: LENGTH }, (_, i) => `player:${i}`)
  for (const count of [1, 2, 3, 7, 31]) {
    const moved = keys.filter((key) => rendezvous(key, count) !== rendezvous(key, count + 1)).length
    const expected = LENGTH / (count + 1)
    const spread = 5 * Math.sqrt(expected)
    t.ok(Math.abs(moved - expected) < spread, `${count} to ${count + 1}: ${moved} of ${LENGTH}, expected ${expected}`)
  }
})

t.test('what a key meets never changes from release to release', async (t) => {
  t.same(
    ['', 'a', 'lobby', 'tenant-42', '漢字', '😀'].map((key) => rendezvous(key, 16)),
    [10, 10, 9, 1, 7, 2],
  )
})
