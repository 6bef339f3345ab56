import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { idsInTestNames, seedCoverage } from '../../scripts/seed-coverage.ts'
import { SEED_ROWS, type SeedRow } from '../seeds/rows.ts'

const SCRIPT = fileURLToPath(new URL('../../scripts/seeds.js', import.meta.url))

function seeds(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [SCRIPT, ...args], { encoding: 'utf8' })
}

t.test('the rows: 339 ids, none twice, of five documents', async (t) => {
  t.equal(SEED_ROWS.length, 339)
  t.equal(new Set(SEED_ROWS.map(([id]) => id)).size, 339)
  t.same([...new Set(SEED_ROWS.map(([, seed]) => seed))].sort(), ['000', '001', '002', '003', '004'])
  const count = (seed: string): number => SEED_ROWS.filter((row) => row[1] === seed).length
  t.same(['000', '001', '002', '003', '004'].map(count), [49, 107, 65, 46, 72])
})

t.test('every document is complete', async (t) => {
  const documents = ['000', '001', '002', '003', '004']
  const { status, stdout, stderr } = seeds(...documents.flatMap((seed) => ['--require', seed]))
  t.equal(stderr, '')
  t.equal(status, 0)
  t.match(stdout, /^000: 49 of 49 rows proven$/m)
})

t.test('a document that misses rows fails only where it is required', async (t) => {
  const tests = t.testdir({ 'a.test.ts': `t.test('LC01: one', async () => {})` })
  const report = seeds('--tests', tests)
  t.equal(report.status, 0)
  t.match(report.stdout, /^000: 1 of 49 rows proven\n {2}missing: LC02 LC03 /m)
  const required = seeds('--tests', tests, '--require', '000')
  t.equal(required.status, 1)
  t.match(required.stderr, /^LC02 \(Implementation choice\) is not proven$/m)
  t.notMatch(required.stderr, /^(LC01|LC09)/m)
  t.match(seeds('--require', '999'), { status: 1, stderr: /999 is no seed document/ })
})

t.test('an id counts in the name of a test, and nowhere else', async (t) => {
  for (const [source, ids] of [
    [`t.test('LC01: a server', async (t) => {})`, ['LC01']],
    ['t.test(\n  "LC01 LC02: two of them",\n  async () => {})', ['LC01', 'LC02']],
    [`t.test(\`F101: $\{each}\`, async () => {})`, ['F101']],
    [`t.test('it\\'s EX01', f)`, ['EX01']],
    [`// LC01\nt.equal(1, 1, 'LC01')\nconst LC02 = 'LC03'`, []],
    [`t.test('LC01: later', { todo: true }, f)`, []],
    [`t.test('LC01: not here', { timeout: 1, skip: 'why' }, f)`, []],
    [`t.test('LC01: slow', { timeout: 1 }, f)`, ['LC01']],
    [`const source = "t.test('LC01: quoted', f)"`, []],
    [`t.test('RFC6455 and UTF16 are no rows', f)`, []],
  ] as const) {
    t.same(idsInTestNames(source), ids, source)
  }
})

const ROWS: readonly SeedRow[] = [
  ['AA01', '000', 'one'],
  ['AA02', '000', 'two'],
  ['AA03', '001', 'three'],
]

t.test('the count of one document', async (t) => {
  t.same(seedCoverage(ROWS, new Set(['AA01', 'ZZ99'])), [
    { seed: '000', proven: ['AA01'], missing: [ROWS[1]] },
    { seed: '001', proven: [], missing: [ROWS[2]] },
  ])
})
