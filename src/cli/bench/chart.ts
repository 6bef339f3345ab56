import { count, percent } from '../figures.ts'
import type { Latencies } from './latencies.ts'

const BAR_COLUMNS = 40
const BLOCK = '█'
/** Eighths of a block, from one to seven. */
const PARTS = '▏▎▍▌▋▊▉'
const STEPS = [1, 2, 5]

interface Row {
  readonly belowUs: number
  readonly count: number
}

/** A histogram in text: one row for every step of 1, 2, 5, 10, … in which something is, and between. */
export function chart(latencies: Latencies): string[] {
  const rows = rowsOf(latencies)
  const most = Math.max(...rows.map((row) => row.count))
  const labels = rows.map(({ belowUs }) => `< ${belowUs / 1000} ms`)
  const width = Math.max(...labels.map((label) => label.length))
  const counts = rows.map((row) => count(row.count))
  const countWidth = Math.max(...counts.map((text) => text.length))
  return rows.map((row, index) => {
    const share = percent(row.count / latencies.count).padStart(7)
    const label = labels[index]?.padStart(width)
    return `  ${label}  ${bar(row.count / most)}  ${share}  ${counts[index]?.padStart(countWidth)}`
  })
}

function rowsOf(latencies: Latencies): Row[] {
  const rows: Row[] = []
  const limits = limitsUs()
  let belowUs = limits.next().value as number
  let inRow = 0
  for (const [startUs, count] of latencies.buckets()) {
    while (startUs >= belowUs) {
      // Nothing below the first row that has something.
      if (inRow > 0 || rows.length > 0) rows.push({ belowUs, count: inRow })
      inRow = 0
      belowUs = limits.next().value as number
    }
    inRow += count
  }
  return [...rows, { belowUs, count: inRow }]
}

function* limitsUs(): Generator<number> {
  for (let decade = 1; ; decade *= 10) for (const step of STEPS) yield step * decade
}

function bar(share: number): string {
  const eighths = Math.round(share * BAR_COLUMNS * 8)
  // Something is never nothing.
  const shown = share > 0 ? Math.max(1, eighths) : 0
  const part = shown % 8 === 0 ? '' : PARTS[(shown % 8) - 1]
  return `${BLOCK.repeat(Math.floor(shown / 8))}${part}`.padEnd(BAR_COLUMNS)
}
