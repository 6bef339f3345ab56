import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Environment } from '../harness/environment.ts'
import type { Row } from './measure.ts'
import { SCENARIOS, type Scenario } from './scenarios.ts'

export interface Failure {
  readonly scenario: string
  readonly server: string
  readonly reason: string
}

export interface Report {
  readonly environment: Environment
  readonly rows: readonly Row[]
  readonly failures: readonly Failure[]
}

/** Writes `hostile-latest.json` and `hostile-latest.md` into `dir`, which is made when missing. */
export async function writeReport(dir: string, report: Report): Promise<void> {
  await mkdir(dir, { recursive: true })
  await writeFile(join(dir, 'hostile-latest.json'), `${JSON.stringify(report, null, 2)}\n`)
  await writeFile(join(dir, 'hostile-latest.md'), markdown(report))
}

const HEADINGS = [
  'server',
  'RSS before',
  'peak',
  'after',
  'heaps before',
  'after',
  'fds before',
  'peak',
  'after',
  'CPU s',
  'attack s',
  'attackers ended',
  'longest control gap ms',
  'newcomers admitted',
  'messages handled',
  'most at once',
]

const ALIGNMENT = HEADINGS.map((heading) => (heading === 'server' || heading === 'attackers ended' ? '---' : '---:'))

export function markdown({ environment: env, rows, failures }: Report): string {
  const lines = [
    '# Hostile input',
    '',
    `${env.date} · Node ${env.versions.Node} · ws ${env.versions.ws} · shardws ${env.versions.shardws}  `,
    `${env.cpu}, ${env.cores} cores, ${Math.round(env.memoryBytes / 2 ** 30)} GiB · ${env.system}` +
      ` · load average before the run ${env.loadAverageBefore.toFixed(2)}  `,
    'RSS and JavaScript heaps in MiB, in brackets the difference to before. How to read it: bench/hostile/README.md.',
  ]
  for (const scenario of SCENARIOS) {
    const own = rows.filter((row) => row.scenario === scenario.name)
    if (own.length > 0) lines.push(...section(scenario, own))
  }
  if (failures.length > 0) {
    lines.push('', '## Failures', '')
    for (const { scenario, server, reason } of failures) {
      lines.push(`- ${scenario}, ${server}: ${reason.replaceAll('\n', ' ')}`)
    }
  }
  return `${lines.join('\n')}\n`
}

function section({ name, row, title, promise }: Scenario, rows: readonly Row[]): string[] {
  const table = [HEADINGS, ALIGNMENT, ...rows.map(cells)].map((values) => `| ${values.join(' | ')} |`)
  return ['', `## ${name} [${row}]`, '', `${title}. shardws: ${promise}.`, '', ...table]
}

function cells(row: Row): string[] {
  const { before, peak, after, control, newcomers } = row
  const change = (bytes: number): string => {
    const difference = mebibytes(bytes) - mebibytes(before.rssBytes)
    return `${mebibytes(bytes)} (${difference < 0 ? '' : '+'}${difference})`
  }
  return [
    row.server,
    String(mebibytes(before.rssBytes)),
    change(peak.rssBytes),
    change(after.rssBytes),
    String(mebibytes(before.heapBytes)),
    String(mebibytes(after.heapBytes)),
    String(before.descriptors),
    String(peak.descriptors),
    String(after.descriptors),
    row.cpuSeconds.toFixed(2),
    row.seconds.toFixed(1),
    Object.entries(row.endings)
      .map(([ending, count]) => `${count} × ${ending}`)
      .join(', '),
    control.cut === null ? control.longestGapMs.toFixed(0) : `cut off: ${control.cut}`,
    `${newcomers.admitted} of ${newcomers.tried}`,
    String(row.app.messages),
    String(row.app.mostAtOnce),
  ]
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20)
}
