import { type Peer, REFERENCE } from '../peers.ts'
import type { Work } from '../works.ts'
import { readEnvironment } from './environment.ts'
import { type Measurement, measure } from './measure.ts'
import type { BenchOptions } from './options.ts'
import { Progress } from './progress.ts'
import type { Failure, Report } from './report.ts'
import { type Row, summarise } from './summary.ts'
import { TABLES } from './tables.ts'
import { judge } from './verdicts.ts'

/** Every peer under every workload, round by round, so that a slow minute of the machine meets all peers alike. */
export async function runCampaign(options: BenchOptions): Promise<Report> {
  const environment = readEnvironment()
  const plan = options.works.map((work) => ({ work, peers: options.peers.filter((peer) => peer.runs(work)) }))
  const progress = new Progress(plan.reduce((sum, { peers }) => sum + peers.length, 0) * options.rounds)
  if (options.leftOut.length > 0) {
    progress.note(`without ${options.leftOut.map(({ name, missing }) => `${name} (${missing})`).join(', ')}`)
  }
  const failures: Failure[] = []
  const rows: Row[] = []
  for (const { work, peers } of plan) {
    const measurements = new Map<Peer, Measurement[]>(peers.map((peer) => [peer, []]))
    for (let round = 1; round <= options.rounds; round++) {
      for (const peer of peers) {
        const label = `${work.name} round ${round} ${peer.name}`
        try {
          const measurement = await measureOnce(peer, work, options, progress, label)
          measurements.get(peer)?.push(measurement)
        } catch (error) {
          const reason = error instanceof Error ? error.message : String(error)
          failures.push({ work: work.name, server: peer.name, round, reason })
          progress.done(`${label}: FAILED, ${reason}`)
        }
      }
    }
    rows.push(...summariseWork(work, measurements))
  }
  const windowSeconds = options.windowMs / 1000
  return { environment, windowSeconds, rounds: options.rounds, rows, verdicts: judge(rows), failures }
}

async function measureOnce(
  peer: Peer,
  work: Work,
  options: BenchOptions,
  progress: Progress,
  label: string,
): Promise<Measurement> {
  progress.live(`${label}: starting`)
  const measurement = await measure(peer, work, options, (messagesPerSecond) =>
    progress.live(`${label}: ${Math.round(messagesPerSecond)} messages/s`),
  )
  const { metric, unit, amount } = TABLES[work.load]
  const { foreignCores } = measurement
  const others = foreignCores === null ? '' : `, ${foreignCores.toFixed(2)} cores busy with something else`
  progress.done(`${label}: ${amount(measurement[metric] ?? Number.NaN)} ${unit}${others}`)
  return measurement
}

function summariseWork(work: Work, measurements: ReadonlyMap<Peer, readonly Measurement[]>): Row[] {
  const reference = [...measurements].find(([peer]) => peer.name === REFERENCE)?.[1] ?? []
  const { metric } = TABLES[work.load]
  return [...measurements]
    .filter(([, list]) => list.length > 0)
    .map(([peer, list]) =>
      summarise({ work: work.name, title: work.title, server: peer.name, metric }, list, reference),
    )
}
