/**
 * Prints how many rows of each seed document the tests prove, and which are missing. It reports only; with
 * `--require 000` it fails when that document misses a row. `--tests <folder>` looks at other sources.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { REPOSITORY } from '../test/fixtures/repository.ts'
import { SEED_ROWS } from '../test/seeds/rows.ts'
import { type Excuses, idsInTestNames, mistakes, type SeedCoverage, seedCoverage } from './seed-coverage.ts'

const EXCUSES: Excuses = {
  ME15: 'what counts as a reconnection is a valid resume token, and there are none yet',
}

function provenIn(folder: string): Set<string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.test.ts'))
  return new Set(files.flatMap((path) => idsInTestNames(readFileSync(join(folder, path), 'utf8'))))
}

function describe({ seed, proven, missing, excused }: SeedCoverage): string {
  const total = proven.length + missing.length + excused.length
  const lines = [`${seed}: ${proven.length} of ${total} rows proven`]
  if (missing.length > 0) lines.push(`  missing: ${missing.map(([id]) => id).join(' ')}`)
  for (const [id] of excused) lines.push(`  excused: ${id}, ${EXCUSES[id]}`)
  return lines.join('\n')
}

function main(): void {
  const { values } = parseArgs({
    options: { require: { type: 'string', multiple: true, default: [] }, tests: { type: 'string' } },
  })
  const proven = provenIn(values.tests ?? fileURLToPath(new URL('test/', REPOSITORY)))
  const coverage = seedCoverage(SEED_ROWS, proven, EXCUSES)
  console.log(coverage.map(describe).join('\n'))

  const wrong = mistakes(SEED_ROWS, proven, EXCUSES)
  for (const seed of values.require) {
    const found = coverage.find((each) => each.seed === seed)
    if (found === undefined) wrong.push(`${seed} is no seed document`)
    else wrong.push(...found.missing.map(([id, , feature]) => `${id} (${feature}) is not proven`))
  }
  for (const each of wrong) console.error(each)
  if (wrong.length > 0) process.exitCode = 1
}

main()
