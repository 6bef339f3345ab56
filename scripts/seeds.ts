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
import { idsInTestNames, type SeedCoverage, seedCoverage } from './seed-coverage.ts'

function provenIn(folder: string): Set<string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.test.ts'))
  return new Set(files.flatMap((path) => idsInTestNames(readFileSync(join(folder, path), 'utf8'))))
}

function describe({ seed, proven, missing }: SeedCoverage): string {
  const total = proven.length + missing.length
  const lines = [`${seed}: ${proven.length} of ${total} rows proven`]
  if (missing.length > 0) lines.push(`  missing: ${missing.map(([id]) => id).join(' ')}`)
  return lines.join('\n')
}

function main(): void {
  const { values } = parseArgs({
    options: { require: { type: 'string', multiple: true, default: [] }, tests: { type: 'string' } },
  })
  const proven = provenIn(values.tests ?? fileURLToPath(new URL('test/', REPOSITORY)))
  const coverage = seedCoverage(SEED_ROWS, proven)
  console.log(coverage.map(describe).join('\n'))

  const wrong: string[] = []
  for (const seed of values.require) {
    const found = coverage.find((each) => each.seed === seed)
    if (found === undefined) wrong.push(`${seed} is no seed document`)
    else wrong.push(...found.missing.map(([id, , feature]) => `${id} (${feature}) is not proven`))
  }
  for (const each of wrong) console.error(each)
  if (wrong.length > 0) process.exitCode = 1
}

main()
