import { readOptions } from '../scripts/read-options.ts'
import { runCampaign } from './harness/campaign.ts'
import { killLivingChildren } from './harness/child.ts'
import { markdown } from './harness/markdown.ts'
import { parseOptions, USAGE } from './harness/options.ts'
import { writeReport } from './harness/report.ts'

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    killLivingChildren()
    process.exit(signal === 'SIGINT' ? 130 : 143)
  })
}

const options = readOptions(parseOptions, USAGE)
if (options !== null) {
  const report = await runCampaign(options)
  await writeReport(options.outDir, report, options.save)
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : markdown(report, 'latest.svg'))
  if (report.failures.length > 0) process.exitCode = 1
}
