import { readOptions } from '../../scripts/read-options.ts'
import { killLivingChildren } from '../harness/child.ts'
import { readEnvironment } from '../harness/environment.ts'
import { Progress } from '../harness/progress.ts'
import { measure, type Row } from './measure.ts'
import { type HostileOptions, parseOptions, USAGE } from './options.ts'
import { type Failure, markdown, type Report, writeReport } from './report.ts'

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    killLivingChildren()
    process.exit(signal === 'SIGINT' ? 130 : 143)
  })
}

const options = readOptionsOnLinux()
if (options !== null) {
  const report = await attackAll(options)
  await writeReport(options.outDir, report)
  process.stdout.write(markdown(report))
  if (report.failures.length > 0) process.exitCode = 1
}

async function attackAll({ scenarios, servers }: HostileOptions): Promise<Report> {
  const environment = readEnvironment()
  const runs = scenarios.flatMap((scenario) =>
    servers
      .filter(({ isVariant }) => !isVariant || scenario.dependsOnMaxPayload)
      .map((server) => ({ scenario, server })),
  )
  const progress = new Progress(runs.length)
  const rows: Row[] = []
  const failures: Failure[] = []
  for (const { scenario, server } of runs) {
    const label = `${scenario.name}, ${server.name}`
    progress.live(label)
    try {
      const row = await measure(scenario, server)
      rows.push(row)
      progress.done(`${label}: RSS +${Math.round((row.peak.rssBytes - row.before.rssBytes) / 2 ** 20)} MiB at peak`)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      failures.push({ scenario: scenario.name, server: server.name, reason })
      progress.done(`${label}: FAILED, ${reason}`)
    }
  }
  return { environment, rows, failures }
}

function readOptionsOnLinux(): HostileOptions | null {
  if (process.platform !== 'linux') {
    process.stderr.write('This benchmark reads /proc and needs Linux.\n')
    process.exitCode = 2
    return null
  }
  return readOptions(parseOptions, USAGE)
}
