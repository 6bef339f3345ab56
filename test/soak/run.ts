import { readOptions } from '../../scripts/read-options.ts'
import { parseOptions, USAGE } from './options.ts'
import { markdown, save, violationsOf } from './report.ts'
import { FULL } from './scenario.ts'
import { Soak } from './soak.ts'

const command = readOptions(parseOptions, USAGE)
if (command !== null) {
  const { seed, durationMs, clients, mutant, isSaved } = command
  say(`seed ${seed}, Node ${process.versions.node}`)
  const scenario = { ...FULL, clientsPerProcess: clients, roundMs: Math.min(FULL.roundMs, durationMs) }
  const report = await new Soak({ scenario, seed, durationMs, say, ...(mutant !== null && { mutant }) }).run()
  say(markdown(report))
  if (isSaved) say(save(report).join('\n'))
  if (Object.keys(violationsOf(report)).length > 0) process.exitCode = 1
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
