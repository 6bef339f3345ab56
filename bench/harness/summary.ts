import type { Measurement } from './measure.ts'

/** One server under one workload, over all rounds: medians, and how far the rounds lay apart. */
export interface Row extends Measurement {
  readonly work: string
  readonly title: string
  readonly server: string
  readonly rounds: number
  readonly cpuUsPerMessageMin: number
  readonly cpuUsPerMessageMax: number
  /** CPU per message and throughput as parts of the reference's; null when the reference was not measured. */
  readonly cpuRatio: number | null
  readonly throughputRatio: number | null
}

/** `reference` is the same workload's measurements of the peer that ratios are taken against. */
export function summarise(
  names: { readonly work: string; readonly title: string; readonly server: string },
  measurements: readonly Measurement[],
  reference: readonly Measurement[],
): Row {
  const of = (field: NumericField): number => median(measurements.map((measurement) => measurement[field]))
  const ratio = (field: NumericField): number | null =>
    reference.length === 0 ? null : of(field) / median(reference.map((measurement) => measurement[field]))
  const cpu = measurements.map((measurement) => measurement.cpuUsPerMessage)
  const mainCpu = measurements.map((measurement) => measurement.mainCpuUsPerMessage).filter((us) => us !== null)
  return {
    ...names,
    rounds: measurements.length,
    messages: of('messages'),
    messagesPerSecond: of('messagesPerSecond'),
    cpuUsPerMessage: of('cpuUsPerMessage'),
    cpuUsPerMessageMin: Math.min(...cpu),
    cpuUsPerMessageMax: Math.max(...cpu),
    mainCpuUsPerMessage: mainCpu.length === 0 ? null : median(mainCpu),
    serverCores: of('serverCores'),
    loadCores: of('loadCores'),
    foreignCores: of('foreignCores'),
    p50Us: of('p50Us'),
    p99Us: of('p99Us'),
    rssBytes: of('rssBytes'),
    cpuRatio: ratio('cpuUsPerMessage'),
    throughputRatio: ratio('messagesPerSecond'),
  }
}

type NumericField = Exclude<keyof Measurement, 'mainCpuUsPerMessage'>

/** The middle value; of an even count the mean of the middle two. `values` must not be empty. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}
