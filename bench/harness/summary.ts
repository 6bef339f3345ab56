import type { Measurement, Metric } from './measure.ts'

/** One server under one workload, over all rounds: medians, and how far the rounds lay apart. */
export interface Row extends Measurement {
  readonly work: string
  readonly title: string
  readonly server: string
  readonly rounds: number
  /** What the work is about: the figure that is compared. */
  readonly metric: Metric
  readonly min: number | null
  readonly max: number | null
  /** The metric and the throughput as parts of the reference's; null when the reference was not measured. */
  readonly ratio: number | null
  readonly throughputRatio: number | null
}

/** `reference` is the same workload's measurements of the peer that ratios are taken against. */
export function summarise(
  names: { readonly work: string; readonly title: string; readonly server: string; readonly metric: Metric },
  measurements: readonly Measurement[],
  reference: readonly Measurement[],
): Row {
  const own = medians(measurements)
  const others = reference.length === 0 ? null : medians(reference)
  const ratio = (metric: Metric): number | null => quotient(own[metric], others?.[metric] ?? null)
  const values = valuesOf(measurements, names.metric)
  return {
    ...names,
    rounds: measurements.length,
    ...own,
    min: values.length === 0 ? null : Math.min(...values),
    max: values.length === 0 ? null : Math.max(...values),
    ratio: ratio(names.metric),
    throughputRatio: ratio('messagesPerSecond'),
  }
}

/** Null when either is unknown. */
export function quotient(value: number | null, of: number | null): number | null {
  return value === null || of === null || of === 0 ? null : value / of
}

function medians(measurements: readonly Measurement[]): Measurement {
  const metrics = Object.keys(measurements[0] ?? {}) as Metric[]
  const entries = metrics.map((metric) => {
    const values = valuesOf(measurements, metric)
    return [metric, values.length === 0 ? null : median(values)]
  })
  return Object.fromEntries(entries) as Measurement
}

function valuesOf(measurements: readonly Measurement[], metric: Metric): number[] {
  return measurements.map((measurement) => measurement[metric]).filter((value) => value !== null)
}

/** The middle value; of an even count the mean of the middle two. `values` must not be empty. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}
