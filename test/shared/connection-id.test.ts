import fc from 'fast-check'
import t from 'tap'
import { formatConnectionId, keyOfConnectionId } from '../../src/shared/connection-id.ts'

const keys = fc.nat(2 ** 31 - 1)
const words = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })

t.test('property: an id names its key, and ids differ when key or nonce do', async (t) => {
  const parts = fc.tuple(keys, words, words)
  fc.assert(
    fc.property(parts, parts, ([key, high, low], [otherKey, otherHigh, otherLow]) => {
      const [id, other] = [
        formatConnectionId(key, { high, low }),
        formatConnectionId(otherKey, { high: otherHigh, low: otherLow }),
      ]
      const isSame = key === otherKey && high === otherHigh && low === otherLow
      return keyOfConnectionId(id) === key && (id === other) === isSame && /^[0-9a-z]+-[0-9a-z]+$/.test(id)
    }),
    // Nonces of which a part is small, where only the padding keeps them apart.
    {
      numRuns: 500,
      examples: [
        [
          [1, 1, 37],
          [1, 37, 1],
        ],
      ],
    },
  )
  t.pass()
})

t.test('of what is no id no key comes that a table could hold', async (t) => {
  for (const wrong of ['', '-', '--', '!', 'zzzzzzzzzzzz-0']) {
    const key = keyOfConnectionId(wrong)
    t.ok(Number.isNaN(key) || key > 2 ** 31, `${wrong}: ${key}`)
  }
})
