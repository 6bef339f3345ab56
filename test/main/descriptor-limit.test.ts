import t from 'tap'
import { affordableConnections } from '../../src/main/descriptor-limit.ts'

for (const [files, wanted, expected] of [
  [1_048_576, 10_000, 10_000],
  [10_256, 10_000, 10_000],
  [10_255, 10_000, 9999],
  [1024, 10_000, 768],
  [512, 10_000, 256],
  [511, 10_000, 255],
  [64, 10_000, 32],
  [64, 10, 10],
  [1, 10, 1],
  [Number.POSITIVE_INFINITY, 1_048_576, 1_048_576],
] as const) {
  t.test(`row 28: ${files} files, ${wanted} connections: ${expected}`, async (t) => {
    t.equal(affordableConnections(wanted, files), expected)
  })
}

t.test('this process may have some', async (t) => {
  t.ok(affordableConnections(10) >= 1)
  t.ok(affordableConnections(Number.MAX_SAFE_INTEGER) >= affordableConnections(10))
})
