import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { REFERENCE } from '../peers.ts'
import type { Environment } from './environment.ts'
import type { Row } from './summary.ts'

export interface Failure {
  readonly work: string
  readonly server: string
  readonly round: number
  readonly reason: string
}

export interface Report {
  readonly environment: Environment
  readonly windowSeconds: number
  readonly rounds: number
  readonly rows: readonly Row[]
  readonly failures: readonly Failure[]
}

/** Writes `latest.json` and `latest.md` into `dir`, which is made when missing. */
export async function writeReport(dir: string, report: Report): Promise<void> {
  await mkdir(dir, { recursive: true })
  await writeFile(join(dir, 'latest.json'), `${JSON.stringify(report, null, 2)}\n`)
  await writeFile(join(dir, 'latest.md'), markdown(report))
}

const HEADINGS = [
  'server',
  'CPU µs/message',
  'min–max',
  'main',
  'other threads',
  `CPU ÷ ${REFERENCE}`,
  'messages/s',
  `÷ ${REFERENCE}`,
  'p50 ms',
  'p99 ms',
  'RSS MiB',
  'cores: server',
  'load',
  'others',
]

const ALIGNMENT = HEADINGS.map((_, column) => (column === 0 ? '---' : '---:'))

export function markdown(report: Report): string {
  const { environment: env } = report
  const lines = [
    '# Benchmark results',
    '',
    `${env.date} · Node ${env.node} · ws ${env.ws} · shardws ${env.shardws}  `,
    `${env.cpu}, ${env.cores} cores, ${Math.round(env.memoryBytes / 2 ** 30)} GiB · ${env.system}` +
      ` · load average before the run ${env.loadAverageBefore.toFixed(2)}  `,
    `Medians of ${report.rounds} rounds of ${report.windowSeconds} s, servers interleaved. Method: bench/README.md.`,
  ]
  for (const title of new Set(report.rows.map((row) => row.title))) {
    lines.push('', `## ${title}`, '', tableLine(HEADINGS), tableLine(ALIGNMENT))
    for (const row of report.rows) if (row.title === title) lines.push(tableLine(cells(row)))
  }
  if (report.failures.length > 0) {
    lines.push('', '## Failures', '')
    for (const { work, server, round, reason } of report.failures) {
      lines.push(`- ${work}, ${server}, round ${round}: ${reason.replaceAll('\n', ' ')}`)
    }
  }
  return `${lines.join('\n')}\n`
}

function cells(row: Row): string[] {
  const mainUs = row.mainCpuUsPerMessage
  return [
    row.server,
    row.cpuUsPerMessage.toFixed(2),
    `${row.cpuUsPerMessageMin.toFixed(2)}–${row.cpuUsPerMessageMax.toFixed(2)}`,
    mainUs === null ? '–' : mainUs.toFixed(2),
    // The main thread's clock ticks every 10 ms, so it can be ahead of the total by one tick.
    mainUs === null ? '–' : Math.max(0, row.cpuUsPerMessage - mainUs).toFixed(2),
    row.cpuRatio?.toFixed(2) ?? '–',
    String(Math.round(row.messagesPerSecond)),
    row.throughputRatio?.toFixed(2) ?? '–',
    (row.p50Us / 1000).toFixed(3),
    (row.p99Us / 1000).toFixed(3),
    (row.rssBytes / 2 ** 20).toFixed(0),
    row.serverCores.toFixed(2),
    row.loadCores.toFixed(2),
    row.foreignCores.toFixed(2),
  ]
}

function tableLine(values: readonly string[]): string {
  return `| ${values.join(' | ')} |`
}
