/** Which rows of the seed documents the tests prove: those whose id stands in the name of a test that runs. */
import type { SeedRow } from '../test/seeds/rows.ts'

export interface SeedCoverage {
  readonly seed: string
  readonly proven: readonly string[]
  readonly missing: readonly SeedRow[]
  /** Rows that are not required yet, each with its reason. */
  readonly excused: readonly SeedRow[]
}

/** Row ids that no test has to prove yet, each with the reason. */
export type Excuses = Readonly<Record<string, string>>

/** The name is a literal and the call begins its line; a test that is skipped or left to do proves nothing. */
const TEST_NAME = /^[ \t]*t\.test\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1(?!\s*,\s*\{[^}]*\b(?:skip|todo)\b)/gm
const ROW_ID = /\b[A-Z][A-Z0-9]\d{2}\b/g

/** The ids in the test names of one source file. */
export function idsInTestNames(source: string): string[] {
  return [...source.matchAll(TEST_NAME)].flatMap(([, , name = '']) => name.match(ROW_ID) ?? [])
}

export function seedCoverage(rows: readonly SeedRow[], proven: ReadonlySet<string>, excuses: Excuses): SeedCoverage[] {
  const seeds = [...new Set(rows.map(([, seed]) => seed))]
  return seeds.map((seed) => {
    const own = rows.filter((row) => row[1] === seed)
    const unproven = own.filter(([id]) => !proven.has(id))
    return {
      seed,
      proven: own.flatMap(([id]) => (proven.has(id) ? [id] : [])),
      missing: unproven.filter(([id]) => !(id in excuses)),
      excused: unproven.filter(([id]) => id in excuses),
    }
  })
}

/** Excuses for rows that are proven by now, and ids in test names that are no row: both are mistakes. */
export function mistakes(rows: readonly SeedRow[], proven: ReadonlySet<string>, excuses: Excuses): string[] {
  const ids = new Set(rows.map(([id]) => id))
  return [
    ...Object.keys(excuses).flatMap((id) => (proven.has(id) ? [`${id} is proven and needs no excuse any more`] : [])),
    ...Object.keys(excuses).flatMap((id) => (ids.has(id) ? [] : [`${id} is excused and no row`])),
  ]
}
