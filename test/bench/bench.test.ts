import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
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

/** One of each kind of load; memory has ten thousand connections, too many for a test. */
const WORKS = ['echo-64-1', 'fan-out-64-16', 'deflate-1k-1', 'json-512-16', 'connect', 'latency-busy', 'json-busy']

t.test('one short run: every kind of load, results as JSON, tables and a chart', async (t) => {
  const outDir = t.testdir()
  const report = await bench(outDir, '--only', WORKS.join(','), '--servers', 'ws,shardws', '--save')
  t.same(report.failures, [])
  t.same(
    report.rows.map(({ work, server }) => `${work} ${server}`),
    WORKS.flatMap((work) => [`${work} ws`, `${work} shardws`]),
  )
  for (const { work, server, ...row } of report.rows) {
    for (const metric of ['messages', 'cpuUsPerMessage', 'p50Us', 'wireBytesPerMessage'] as const) {
      t.ok((row[metric] ?? 0) > 0, `${work} ${server}: ${metric} ${row[metric]}`)
    }
    t.ok((row.p99Us ?? 0) >= (row.p50Us ?? 0), `${work} ${server}: percentiles`)
  }
  t.ok(report.verdicts.some(({ server, isMet }) => server === 'shardws' && isMet !== null))

  const kept = `${report.environment.date.slice(0, 10)}-node${process.versions.node.split('.')[0]}`
  t.same((await readdir(outDir)).sort(), names(kept, 'latest'))
  for (const name of [kept, 'latest']) {
    const read = (extension: string) => readFile(join(outDir, `${name}.${extension}`), 'utf8')
    t.same(JSON.parse(await read('json')), report)
    const tables = await read('md')
    for (const { title } of report.rows) t.match(tables, `\n## ${title}\n\n| server | `)
    t.match(tables, '\n| echo 64 B, 1 in flight | ')
    t.match(tables, `(${name}.svg)`)
    const chart = await read('svg')
    t.match(chart, /^<svg [\s\S]*<\/svg>\n$/)
    t.equal(chart.match(/class="bar"/g)?.length, WORKS.length, 'one bar for each work of the one server beside ws')
    t.notMatch(chart, /NaN|undefined|Infinity/)
  }
})

t.test('an unknown workload is refused with the known ones', async (t) => {
  await t.rejects(bench(t.testdir(), '--only', 'echo-65-1'), { code: 2, stderr: /no 'echo-65-1'; there are echo-64-1/ })
})

function names(...stems: readonly string[]): string[] {
  return stems.flatMap((stem) => ['json', 'md', 'svg'].map((extension) => `${stem}.${extension}`)).sort()
}
