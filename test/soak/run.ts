import { parseOptions, type SoakCommand, USAGE } from './options.ts'
import { markdown, save, violationsOf } from './report.ts'
import { FULL } from './scenario.ts'
import { Soak } from './soak.ts'

const command = readCommand()
if (command !== null) {
  const { seed, durationMs, clients, mutant, isSaved } = command
  say(`seed ${seed}, Node ${process.versions.node}`)
  const scenario = { ...FULL, clientsPerProcess: clients, roundMs: Math.min(FULL.roundMs, durationMs) }
  const report = await new Soak({ scenario, seed, durationMs, say, ...(mutant !== null && { mutant }) }).run()
  say(markdown(report))
  if (isSaved) say(save(report).join('\n'))
  if (Object.keys(violationsOf(report)).length > 0) process.exitCode = 1
}

function readCommand(): SoakCommand | null {
  try {
    const parsed = parseOptions(process.argv.slice(2))
    if (parsed === null) say(USAGE)
    return parsed
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`)
    process.exitCode = 2
    return null
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
