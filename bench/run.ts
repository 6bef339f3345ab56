import { runCampaign } from './harness/campaign.ts'
import { killLivingChildren } from './harness/child.ts'
import { markdown } from './harness/markdown.ts'
import { type BenchOptions, parseOptions, USAGE } from './harness/options.ts'
import { writeReport } from './harness/report.ts'

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    killLivingChildren()
    process.exit(signal === 'SIGINT' ? 130 : 143)
  })
}

const options = readOptions()
if (options !== null) {
  const report = await runCampaign(options)
  await writeReport(options.outDir, report, options.save)
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : markdown(report, 'latest.svg'))
  if (report.failures.length > 0) process.exitCode = 1
}

function readOptions(): BenchOptions | null {
  try {
    const parsed = parseOptions(process.argv.slice(2))
    if (parsed === null) process.stdout.write(`${USAGE}\n`)
    return parsed
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`)
    process.exitCode = 2
    return null
  }
}
