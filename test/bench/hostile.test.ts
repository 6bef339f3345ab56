import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { readEnvironment } from '../../bench/harness/environment.ts'
import { measure } from '../../bench/hostile/measure.ts'
import { parseOptions } from '../../bench/hostile/options.ts'
import { writeReport } from '../../bench/hostile/report.ts'
import { scenarioNamed } from '../../bench/hostile/scenarios.ts'
import { SERVERS } from '../../bench/hostile/servers.ts'

const MEBIBYTE = 1024 * 1024
const linuxOnly = process.platform === 'linux' ? {} : { skip: 'reads /proc' }

for (const { name, size, endings } of [
  { name: 'fragments-one-byte', size: { connections: 3, each: 1025 }, endings: { 'close 1008': 3 } },
  // One each of its ten ways to be wrong.
  { name: 'bad-upgrades', size: { connections: 2, each: 5 }, endings: { 'HTTP 400': 7, 'HTTP 405': 1, 'HTTP 426': 2 } },
]) {
  const scenario = scenarioNamed(name)
  t.test(`row ${scenario.row}: ${name} ends the attackers and nobody else`, linuxOnly, async (t) => {
    const [server] = SERVERS.filter((each) => each.name === 'shardws')
    const row = await measure(scenario, server!, size)
    t.same(row.endings, endings)
    t.equal(row.control.cut, null)
    t.ok(row.control.echoes > 0, 'the control clients were answered')
    t.ok(row.newcomers.tried > 0)
    t.equal(row.newcomers.admitted, row.newcomers.tried)
    t.not(row.settledMs, null, 'the descriptors are back')
    t.ok(row.peak.rssBytes > 20 * MEBIBYTE && row.peak.rssBytes < 1024 * MEBIBYTE, `RSS ${row.peak.rssBytes}`)
    t.ok(row.after.heapBytes > MEBIBYTE && row.after.heapBytes < row.after.rssBytes)
    t.ok(row.cpuSeconds > 0)
    t.ok(row.seconds > 0)
  })
}

t.test('the report holds every row, and the table says how the attackers ended', linuxOnly, async (t) => {
  const [server] = SERVERS.filter((each) => each.name === 'shardws-0')
  const row = await measure(scenarioNamed('fragments-empty'), server!, { connections: 2, each: 1024 })
  t.same(row.endings, { 'still open': 2 }, 'one fragment fewer than the limit')
  const outDir = t.testdir()
  const report = {
    environment: readEnvironment(),
    rows: [row],
    failures: [{ scenario: 'drip', server: 'ws', reason: 'out of luck' }],
  }
  await writeReport(outDir, report)
  t.same(JSON.parse(await readFile(join(outDir, 'hostile-latest.json'), 'utf8')), report)
  const table = await readFile(join(outDir, 'hostile-latest.md'), 'utf8')
  t.match(table, /^## fragments-empty \[5\]$/m)
  t.match(table, /^\| shardws-0 \| .* \| 2 × still open \| /m)
  t.match(table, '- drip, ws: out of luck')
})

t.test('an unknown scenario is refused with the known ones', async (t) => {
  t.throws(() => parseOptions(['--only', 'drop']), { message: /no 'drop'; there are fragments-one-byte, / })
})
