import { REFERENCE } from '../peers.ts'
import { WORKS } from '../works.ts'
import type { Report } from './report.ts'
import type { Row } from './summary.ts'
import { TABLES, type Table } from './tables.ts'
import type { Verdict } from './verdicts.ts'

/** `chart` is the file name of the picture beside it. */
export function markdown(report: Report, chart: string): string {
  const { environment: env, failures } = report
  const versions = Object.entries(env.versions).map(([name, version]) => `${name} ${version}`)
  const lines = [
    '# Benchmark results',
    '',
    `${env.date} · ${versions.join(' · ')}  `,
    `${env.cpu}, ${env.cores} cores, ${Math.round(env.memoryBytes / 2 ** 30)} GiB · ${env.system}` +
      ` · load average before the run ${env.loadAverageBefore.toFixed(2)}  `,
    `Medians of ${report.rounds} rounds of ${report.windowSeconds} s, servers interleaved. Method: bench/README.md.`,
    '',
    `![Ratios to ${REFERENCE}](${chart})`,
    ...summaryTable(report),
    ...detailTables(report.rows),
  ]
  if (failures.length > 0) {
    lines.push('', '## Failures', '')
    for (const { work, server, round, reason } of failures) {
      lines.push(`- ${work}, ${server}, round ${round}: ${reason.replaceAll('\n', ' ')}`)
    }
  }
  return `${lines.join('\n')}\n`
}

/** One line per work: what the reference needs, the ratio of everybody else, and what is wanted. */
function summaryTable({ rows, verdicts }: Report): string[] {
  const servers = [...new Set(rows.map((row) => row.server))].filter((server) => server !== REFERENCE)
  const lines = [
    '',
    '## Summary',
    '',
    `Below 1 is better than \`${REFERENCE}\`, whose own figure is in the second column.`,
    '',
    tableLine(['work', REFERENCE, ...servers, 'targets']),
    tableLine(['---', '---:', ...servers.map(() => '---:'), '---']),
  ]
  for (const [work, ofWork] of byWork(rows)) {
    const { unit, amount } = tableOf(work)
    const rowOf = (server: string): Row | undefined => ofWork.find((row) => row.server === server)
    const reference = rowOf(REFERENCE)
    const value = reference?.[reference.metric] ?? null
    lines.push(
      tableLine([
        ofWork[0]?.title ?? work,
        value === null ? '–' : `${amount(value)} ${unit}`,
        ...servers.map((server) => rowOf(server)?.ratio?.toFixed(2) ?? '–'),
        verdicts
          .filter((verdict) => verdict.work === work)
          .map(verdictText)
          .join('; '),
      ]),
    )
  }
  return lines
}

/** Such as: `main CPU of shardws ≤ 0.6 × ws: 0.51, met`. */
function verdictText({ work, server, metric, of, atMost, ratio, isMet }: Verdict): string {
  const what = metric === undefined ? server : `${METRIC_NAMES[metric] ?? metric} of ${server}`
  const other = of.work === undefined || of.work === work ? of.server : `${of.server} in ${of.work}`
  const outcome = ratio === null ? 'not measured' : `${ratio.toFixed(2)}, ${isMet === true ? 'met' : '**missed**'}`
  return `${what} ≤ ${atMost} × ${other}: ${outcome}`
}

const METRIC_NAMES: Partial<Record<string, string>> = {
  wireBytesPerMessage: 'wire bytes',
  mainCpuUsPerMessage: "main's CPU",
}

function detailTables(rows: readonly Row[]): string[] {
  const lines: string[] = []
  for (const [work, ofWork] of byWork(rows)) {
    const { columns } = tableOf(work)
    lines.push('', `## ${ofWork[0]?.title ?? work}`, '')
    lines.push(tableLine(['server', ...columns.map(({ heading }) => heading)]))
    lines.push(tableLine(['---', ...columns.map(() => '---:')]))
    for (const row of ofWork) lines.push(tableLine([row.server, ...columns.map((column) => column.cell(row))]))
  }
  return lines
}

function byWork(rows: readonly Row[]): Map<string, Row[]> {
  const works = new Map<string, Row[]>()
  for (const row of rows) works.set(row.work, [...(works.get(row.work) ?? []), row])
  return works
}

function tableOf(name: string): Table {
  return TABLES[WORKS.find((work) => work.name === name)?.load ?? 'batches']
}

function tableLine(values: readonly string[]): string {
  return `| ${values.join(' | ')} |`
}
