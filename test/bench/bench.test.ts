import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import type { Report } from '../../bench/harness/report.ts'

const RUN = fileURLToPath(new URL('../../bench/run.js', import.meta.url))
const SHORT = ['--seconds', '0.2', '--warm-up', '0.1', '--rounds', '1', '--json']

async function bench(outDir: string, ...args: string[]): Promise<Report> {
  const { stdout } = await promisify(execFile)(process.execPath, [RUN, ...SHORT, '--out', outDir, ...args])
  return JSON.parse(stdout) as Report
}

for (const { work, servers } of [
  { work: 'echo-64-1', servers: ['ws', 'shardws'] },
  { work: 'fan-out-64-16', servers: ['ws'] },
]) {
  t.test(`${work} measures ${servers.join(' and ')}, every reply verified`, async (t) => {
    const outDir = t.testdir()
    const report = await bench(outDir, '--only', work, '--servers', servers.join(','))
    t.same(report.failures, [])
    t.same(
      report.rows.map((row) => row.server),
      servers,
    )
    for (const row of report.rows) {
      t.equal(row.work, work)
      t.ok(row.messages > 0, `${row.server}: messages`)
      t.ok(row.cpuUsPerMessage > 0, `${row.server}: CPU`)
      t.ok(row.p50Us > 0 && row.p99Us >= row.p50Us, `${row.server}: round trips`)
    }
    t.same(JSON.parse(await readFile(join(outDir, 'latest.json'), 'utf8')), report)
    const table = await readFile(join(outDir, 'latest.md'), 'utf8')
    for (const server of servers) t.match(table, `\n| ${server} | `)
  })
}

t.test('an unknown workload is refused with the known ones', async (t) => {
  await t.rejects(bench(t.testdir(), '--only', 'echo-65-1'), { code: 2, stderr: /no 'echo-65-1'; there are echo-64-1/ })
})
