import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Environment } from './harness/environment.ts'

export interface Wrong {
  readonly disconnects: number
  readonly lost: number
  readonly doubled: number
  readonly reordered: number
}

/** One time that something was done to the shards. */
export interface Operation extends Wrong {
  readonly name: string
  readonly durationMs: number
  /** Of each connection: the longest time from a message to its echo. */
  readonly movedPausesMs: readonly number[]
  readonly otherPausesMs: readonly number[]
  /** Connections that were closed for an error that they had caused: no disconnects. */
  readonly offenders: number
}

export interface MovesReport {
  readonly environment: Environment
  readonly connections: number
  readonly rounds: number
  readonly messages: { readonly received: number; readonly sent: number; readonly published: number }
  readonly operations: readonly Operation[]
  /** Noticed only when nothing more was sent. */
  readonly atTheEnd: Wrong
}

const HEADINGS = [
  'operation',
  'times',
  'duration ms: p50',
  'max',
  'connections moved',
  'disconnects',
  'lost',
  'doubled',
  'reordered',
  'pause of who moved, ms: p50',
  'p99',
  'max',
  'of who stayed: p50',
  'p99',
  'max',
]

export function markdown({
  environment: env,
  connections,
  rounds,
  messages,
  operations,
  atTheEnd,
}: MovesReport): string {
  const names = [...new Set(operations.map(({ name }) => name))]
  const rows = names.map((name) =>
    cells(
      name,
      operations.filter((each) => each.name === name),
    ),
  )
  const total = (field: keyof Wrong): number => operations.reduce((sum, each) => sum + each[field], atTheEnd[field])
  const offenders = operations.reduce((sum, each) => sum + each.offenders, 0)
  const table = [HEADINGS, HEADINGS.map((_, at) => (at === 0 ? '---' : '---:')), ...rows]
  return [
    '# Moves under load',
    '',
    `${env.date} · Node ${env.versions.Node} · shardws ${env.versions.shardws} · load average before ${env.loadAverageBefore.toFixed(2)}  `,
    `${env.cpu}, ${env.cores} cores · ${env.system}  `,
    `${connections} connections, ${rounds} rounds · ${messages.received} messages from clients, ${messages.published} published, ${messages.sent} to clients`,
    '',
    `Disconnected but for the ${offenders} who caused an error: ${total('disconnects')}. ` +
      `Lost: ${total('lost')}, doubled: ${total('doubled')}, reordered: ${total('reordered')}.`,
    '',
    ...table.map((values) => `| ${values.join(' | ')} |`),
    '',
  ].join('\n')
}

/** Into `bench/results`. Resolves with the paths. */
export async function saveMoves(report: MovesReport): Promise<string[]> {
  const { date, versions } = report.environment
  const name = `moves-${date.slice(0, 10)}-node${/\d+/.exec(versions.Node)?.[0]}`
  const contents = { json: `${JSON.stringify(summaryOf(report), null, 2)}\n`, md: markdown(report) }
  return Promise.all(
    Object.entries(contents).map(async ([extension, content]) => {
      const path = join('bench/results', `${name}.${extension}`)
      await writeFile(path, content)
      return path
    }),
  )
}

/** With three figures in the place of the pauses of each connection. */
function summaryOf({ operations, ...report }: MovesReport): object {
  const figures = (values: readonly number[]) => ({
    count: values.length,
    p50: percentile(values, 0.5),
    p99: percentile(values, 0.99),
    max: percentile(values, 1),
  })
  return {
    ...report,
    operations: operations.map(({ movedPausesMs, otherPausesMs, ...operation }) => ({
      ...operation,
      movedPausesMs: figures(movedPausesMs),
      otherPausesMs: figures(otherPausesMs),
    })),
  }
}

function cells(name: string, operations: readonly Operation[]): (string | number)[] {
  const total = (field: keyof Wrong): number => operations.reduce((sum, each) => sum + each[field], 0)
  const durations = operations.map(({ durationMs }) => durationMs)
  const moved = operations.flatMap(({ movedPausesMs }) => movedPausesMs)
  const others = operations.flatMap(({ otherPausesMs }) => otherPausesMs)
  const told = (values: readonly number[], share: number): string => percentile(values, share)?.toFixed(0) ?? '–'
  return [
    name,
    operations.length,
    told(durations, 0.5),
    told(durations, 1),
    moved.length,
    total('disconnects'),
    total('lost'),
    total('doubled'),
    total('reordered'),
    ...[0.5, 0.99, 1].map((share) => told(moved, share)),
    ...[0.5, 0.99, 1].map((share) => told(others, share)),
  ]
}

/** Null of nothing. */
function percentile(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? null
}
