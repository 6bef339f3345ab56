import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { chart } from './chart.ts'
import type { Environment } from './environment.ts'
import { markdown } from './markdown.ts'
import type { Row } from './summary.ts'
import type { Verdict } from './verdicts.ts'

export interface Failure {
  readonly work: string
  readonly server: string
  readonly round: number
  readonly reason: string
}

export interface Report {
  readonly environment: Environment
  readonly windowSeconds: number
  readonly rounds: number
  readonly rows: readonly Row[]
  readonly verdicts: readonly Verdict[]
  readonly failures: readonly Failure[]
}

const LATEST = 'latest'

/** Writes `latest.{json,md,svg}` into `dir`, which is made when missing; with `save` the same under the day and the Node. */
export async function writeReport(dir: string, report: Report, save: boolean): Promise<void> {
  await mkdir(dir, { recursive: true })
  for (const name of save ? [LATEST, savedName(report)] : [LATEST]) {
    await writeFile(join(dir, `${name}.json`), `${JSON.stringify(report, null, 2)}\n`)
    await writeFile(join(dir, `${name}.md`), markdown(report, `${name}.svg`))
    await writeFile(join(dir, `${name}.svg`), chart(report))
  }
}

/** Such as `2026-11-24-node20`. */
function savedName({ environment: { date, versions } }: Report): string {
  const [major] = versions.Node.slice(1).split('.')
  return `${date.slice(0, 10)}-node${major}`
}
