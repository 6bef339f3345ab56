import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { readEnvironment } from '../../bench/harness/environment.ts'
import { REPOSITORY } from '../fixtures/repository.ts'
import type { Figures } from './check.ts'
import { type FaultTimes, kindOf } from './fault-times.ts'
import type { SoakReport } from './soak.ts'

/** A slope over less time is noise. */
const SLOPE_AFTER_MS = 30 * 60_000
/** At rest, MiB per hour. */
const MOST_SLOPES: Readonly<Record<Memory, number>> = { rssBytes: 24, heapBytes: 8 }

type Memory = 'rssBytes' | 'heapBytes'

interface Percentiles {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** What was wrong in all, each kind once with its count. */
export function violationsOf(report: SoakReport): Record<string, number> {
  const { rounds, atTheEnd, elapsedMs } = report
  const counts: Record<string, number> = {}
  for (const { violations } of rounds) {
    for (const [kind, count] of Object.entries(violations)) counts[kind] = (counts[kind] ?? 0) + count
  }
  if (atTheEnd.length > 0) counts.end = atTheEnd.length
  for (const [memory, most] of Object.entries(MOST_SLOPES)) {
    if (elapsedMs >= SLOPE_AFTER_MS && slopeOf(report, memory as Memory) > most) counts[`slope of ${memory}`] = 1
  }
  return counts
}

export function examplesOf({ rounds, atTheEnd }: SoakReport): string[] {
  return [...rounds.flatMap(({ examples }, at) => examples.map((text) => `round ${at + 1}: ${text}`)), ...atTheEnd]
}

export function totalsOf({ rounds }: SoakReport): Figures {
  const [first, ...others] = rounds.map(({ figures }) => figures)
  const total = { ...(first as Figures) }
  for (const figures of others) for (const key of Object.keys(total) as (keyof Figures)[]) total[key] += figures[key]
  return total
}

export function markdown(report: SoakReport): string {
  const { seed, scenario, rounds, elapsedMs, baseline, longestControlGapMs, echoes, leftOut } = report
  const env = readEnvironment()
  const totals = totalsOf(report)
  const times = rounds.flatMap((round) => round.times)
  const closes = sumOf(rounds.map(({ server }) => server.counts))
  const drops = sumOf(rounds.map(({ server }) => server.drops))
  const directory = percentiles(rounds.map(({ directoryMs }) => directoryMs))
  const attacks = sumOf(rounds.map(({ attack }) => ({ ...attack })))
  const shortages = rounds.flatMap((round) => round.shortages)
  const last = rounds.at(-1)?.atRest ?? baseline
  const wrong = violationsOf(report)
  const rows: [string, string | number][] = [
    ['connections', closes.connections ?? 0],
    ['shards that died', closes.deaths ?? 0],
    ['messages sent', totals.sent],
    ['sent × members', totals.expected],
    ['= received', totals.received],
    ['+ dropped for slow readers, counted', totals.dropped],
    ['+ for members whose connection has ended', totals.endedMembers],
    ['+ last messages of connections that have ended', totals.endedPublishers],
    ['+ lost', wrong.lost ?? 0],
    ['received at the moment of a join or leave, not in the sum', totals.atBoundaries],
    ['refused', totals.refused],
    ['drops that the server counted', listed(drops)],
    ["main's directory is the truth, ms", told(directory)],
    ['sessions of hostile clients, of these let in', `${attacks.sessions ?? 0}, ${attacks.opened ?? 0}`],
    [
      'newcomers while there were no descriptors, of these let in',
      `${sum(shortages.map(({ newcomers }) => newcomers))}, ${sum(shortages.map(({ letIn }) => letIn))}`,
    ],
    ['echoes of the control clients', echoes],
    ['longest gap between two of them, ms', Math.round(longestControlGapMs)],
    [
      'threads and descriptors at rest, before and after',
      `${baseline.threads}, ${baseline.descriptors} · ${last.threads}, ${last.descriptors}`,
    ],
    ['resident memory at rest, MiB', `${mebibytes(baseline.rssBytes)} · ${mebibytes(last.rssBytes)}`],
    ['slope of it, MiB an hour', slopeOf(report, 'rssBytes').toFixed(1)],
    ['heap and Buffers of main at rest, MiB', `${mebibytes(baseline.heapBytes)} · ${mebibytes(last.heapBytes)}`],
    ['slope of it, MiB an hour', slopeOf(report, 'heapBytes').toFixed(1)],
  ]
  return [
    '# Soak',
    '',
    `${env.date} · Node ${env.versions.Node} · shardws ${env.versions.shardws}  `,
    `${env.cpu}, ${env.cores} cores · ${env.system} · load average before the run ${env.loadAverageBefore.toFixed(2)}  `,
    `Seed \`${seed}\` · ${rounds.length} rounds in ${(elapsedMs / 60_000).toFixed(1)} min · ${scenario.shards} shards, ${scenario.processes} × ${scenario.clientsPerProcess} clients, ${scenario.rooms} rooms`,
    '',
    `**${Object.keys(wrong).length === 0 ? 'Nothing was wrong.' : `Wrong: ${listed(wrong)}.`}**`,
    '',
    '| | |',
    '|---|---:|',
    ...rows.map(([name, value]) => `| ${name} | ${value} |`),
    '',
    '| misfortune | times | the server knows of it, ms | and is over it, ms |',
    '|---|---:|---:|---:|',
    ...faultRows(
      rounds.flatMap(({ actions }) => actions.map(kindOf)),
      times,
    ),
    '',
    ...Object.entries(leftOut).map(([name, reason]) => `- ${name} was left out: ${reason}`),
    ...examplesOf(report).map((text) => `- ${text.replaceAll('\n', ' ')}`),
    '',
  ].join('\n')
}

/** Into `bench/results`. Returns the paths. */
export function save(report: SoakReport): string[] {
  const folder = new URL('bench/results/', REPOSITORY)
  mkdirSync(folder, { recursive: true })
  const [day = ''] = new Date().toISOString().split('T')
  const name = `soak-${day}-node${process.versions.node.split('.')[0]}`
  const contents = {
    md: markdown(report),
    json: `${JSON.stringify({ environment: readEnvironment(), ...report }, null, 2)}\n`,
  }
  return Object.entries(contents).map(([extension, content]) => {
    const url = new URL(`${name}.${extension}`, folder)
    writeFileSync(url, content)
    return fileURLToPath(url)
  })
}

/** The median of the slopes between any two rounds, but for the first two: a round in which a burst is still kept is no trend. */
function slopeOf({ rounds, elapsedMs }: SoakReport, memory: Memory): number {
  const warm = rounds.slice(2).map(({ atRest }) => atRest[memory] / 2 ** 20)
  const hours = elapsedMs / 3_600_000 / rounds.length
  const slopes = warm.flatMap((one, at) =>
    warm.slice(at + 1).map((other, after) => (other - one) / (after + 1) / hours),
  )
  return slopes.toSorted((one, other) => one - other)[slopes.length >> 1] ?? 0
}

function percentiles(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((one, other) => one - other)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? 0 }
}

/** Of each kind in the order of its first time. */
function faultRows(kinds: readonly string[], times: readonly FaultTimes[]): string[] {
  return Object.entries(countOf(kinds)).map(([kind, count]) => {
    const own = times.filter((each) => each.kind === kind)
    const [detection, recovery] = (['detectionMs', 'recoveryMs'] as const).map((name) =>
      told(percentiles(own.flatMap((each) => each[name] ?? []))),
    )
    return `| ${kind} | ${count} | ${detection} | ${recovery} |`
  })
}

function told({ count, p50, p99, max }: Percentiles): string {
  return count === 0 ? '–' : `p50 ${p50}, p99 ${p99}, max ${max} of ${count}`
}

function countOf(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

function sumOf(records: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const record of records) for (const [key, value] of Object.entries(record)) sums[key] = (sums[key] ?? 0) + value
  return sums
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function listed(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20)
}
