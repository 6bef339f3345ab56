/** Which rows of the seed documents the tests prove: those whose id stands in the name of a test that runs. */
import type { SeedRow } from '../test/seeds/rows.ts'

export interface SeedCoverage {
  readonly seed: string
  readonly proven: readonly string[]
  readonly missing: readonly SeedRow[]
}

/** The name is a literal and the call begins its line; a test that is skipped or left to do proves nothing. */
const TEST_NAME = /^[ \t]*t\.test\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1(?!\s*,\s*\{[^}]*\b(?:skip|todo)\b)/gm
const ROW_ID = /\b[A-Z][A-Z0-9]\d{2}\b/g

/** The ids in the test names of one source file. */
export function idsInTestNames(source: string): string[] {
  return [...source.matchAll(TEST_NAME)].flatMap(([, , name = '']) => name.match(ROW_ID) ?? [])
}

export function seedCoverage(rows: readonly SeedRow[], proven: ReadonlySet<string>): SeedCoverage[] {
  const seeds = [...new Set(rows.map(([, seed]) => seed))]
  return seeds.map((seed) => {
    const own = rows.filter((row) => row[1] === seed)
    return {
      seed,
      proven: own.flatMap(([id]) => (proven.has(id) ? [id] : [])),
      missing: own.filter(([id]) => !proven.has(id)),
    }
  })
}
