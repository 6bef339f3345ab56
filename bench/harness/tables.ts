import { REFERENCE } from '../peers.ts'
import type { LoadKind } from '../works.ts'
import type { Metric } from './measure.ts'
import type { Row } from './summary.ts'

export interface Column {
  readonly heading: string
  cell(row: Row): string
}

/** What works of one kind are about, and the columns of their table. */
export interface Table {
  readonly metric: Metric
  /** Of the metric, as `amount` shows it. */
  readonly unit: string
  amount(value: number): string
  readonly columns: readonly Column[]
}

const RATIO: Column = { heading: `÷ ${REFERENCE}`, cell: (row) => format(row.ratio, 2) }
const CORES: readonly Column[] = [
  { heading: 'cores: server', cell: (row) => format(row.serverCores, 2) },
  { heading: 'load', cell: (row) => format(row.loadCores, 2) },
  { heading: 'others', cell: (row) => format(row.foreignCores, 2) },
]
const TIMES: readonly Column[] = [milliseconds('p50 ms', 'p50Us'), milliseconds('p99 ms', 'p99Us')]
const RSS: Column = {
  heading: 'RSS MiB',
  cell: (row) => format(row.rssBytes === null ? null : row.rssBytes / 2 ** 20, 0),
}

export const TABLES: Readonly<Record<LoadKind, Table>> = {
  batches: cpuTable('message', [{ heading: 'wire B/message', cell: (row) => format(row.wireBytesPerMessage, 0) }]),
  churn: cpuTable('connection', []),
  paced: {
    metric: 'p99Us',
    unit: 'ms at p99',
    amount: (us) => format(us / 1000, 3),
    columns: [
      milliseconds('p50 ms', 'p50Us'),
      milliseconds('p99 ms', 'p99Us'),
      { heading: 'min–max of p99', cell: ({ min, max }) => spread(min, max, (us) => format(us / 1000, 3)) },
      { ...RATIO, heading: `p99 ÷ ${REFERENCE}` },
      milliseconds('max ms', 'maxUs'),
      { heading: 'messages/s', cell: (row) => format(row.messagesPerSecond, 0) },
      ...CORES,
    ],
  },
  idle: {
    metric: 'rssBytesPerConnection',
    unit: 'bytes',
    amount: (bytes) => format(bytes, 0),
    columns: [
      { heading: 'RSS B/connection', cell: (row) => format(row.rssBytesPerConnection, 0) },
      { heading: 'min–max', cell: ({ min, max }) => spread(min, max, (bytes) => format(bytes, 0)) },
      RATIO,
      { heading: 'heap + external B/connection', cell: (row) => format(row.heapBytesPerConnection, 0) },
      RSS,
    ],
  },
}

/** Server CPU for each `unit`. */
function cpuTable(unit: string, more: readonly Column[]): Table {
  const amount = (us: number): string => format(us, 2)
  return {
    metric: 'cpuUsPerMessage',
    unit: 'µs',
    amount,
    columns: [
      { heading: `CPU µs/${unit}`, cell: (row) => format(row.cpuUsPerMessage, 2) },
      { heading: 'min–max', cell: ({ min, max }) => spread(min, max, amount) },
      { heading: 'main', cell: (row) => format(row.mainCpuUsPerMessage, 2) },
      { heading: 'other threads', cell: (row) => format(otherThreadsUs(row), 2) },
      { ...RATIO, heading: `CPU ÷ ${REFERENCE}` },
      { heading: `${unit}s/s`, cell: (row) => format(row.messagesPerSecond, 0) },
      { heading: `÷ ${REFERENCE}`, cell: (row) => format(row.throughputRatio, 2) },
      ...TIMES,
      ...more,
      RSS,
      ...CORES,
    ],
  }
}

/** The main thread's clock ticks every 10 ms, so it can be ahead of the total by one tick. */
function otherThreadsUs({ cpuUsPerMessage, mainCpuUsPerMessage }: Row): number | null {
  if (cpuUsPerMessage === null || mainCpuUsPerMessage === null) return null
  return Math.max(0, cpuUsPerMessage - mainCpuUsPerMessage)
}

function milliseconds(heading: string, metric: 'p50Us' | 'p99Us' | 'maxUs'): Column {
  return { heading, cell: (row) => format(row[metric] === null ? null : row[metric] / 1000, 3) }
}

function spread(min: number | null, max: number | null, amount: (value: number) => string): string {
  return min === null || max === null ? '–' : `${amount(min)}–${amount(max)}`
}

function format(value: number | null, decimals: number): string {
  return value === null ? '–' : value.toFixed(decimals)
}
