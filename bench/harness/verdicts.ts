import { TARGETS, type Target } from '../targets.ts'
import { quotient, type Row } from './summary.ts'

/** A target and what this run says about it. */
export interface Verdict extends Target {
  /** Null when one of the two was not measured. */
  readonly ratio: number | null
  readonly isMet: boolean | null
}

/** The targets of the works that were run. */
export function judge(rows: readonly Row[], targets: readonly Target[] = TARGETS): Verdict[] {
  const find = (work: string, server: string): Row | undefined =>
    rows.find((row) => row.work === work && row.server === server)
  return targets
    .filter(({ work }) => rows.some((row) => row.work === work))
    .map((target) => {
      const row = find(target.work, target.server)
      const other = find(target.of.work ?? target.work, target.of.server)
      const metric = target.metric ?? row?.metric
      const ratio =
        row === undefined || other === undefined || metric === undefined
          ? null
          : quotient(row[metric], other[target.of.metric ?? metric])
      return { ...target, ratio, isMet: ratio === null ? null : ratio <= target.atMost }
    })
}
