import { type Peer, REFERENCE } from '../peers.ts'
import type { Work } from '../works.ts'
import { readEnvironment } from './environment.ts'
import { type Measurement, measure } from './measure.ts'
import type { BenchOptions } from './options.ts'
import { Progress } from './progress.ts'
import type { Failure, Report } from './report.ts'
import { type Row, summarise } from './summary.ts'

/** Every peer under every workload, round by round, so that a slow minute of the machine meets all peers alike. */
export async function runCampaign(options: BenchOptions): Promise<Report> {
  const environment = readEnvironment()
  const progress = new Progress(options.works.length * options.rounds * options.peers.length)
  const failures: Failure[] = []
  const rows: Row[] = []
  for (const work of options.works) {
    const measurements = new Map<Peer, Measurement[]>(options.peers.map((peer) => [peer, []]))
    for (let round = 1; round <= options.rounds; round++) {
      for (const peer of options.peers) {
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
  return { environment, windowSeconds: options.windowMs / 1000, rounds: options.rounds, rows, failures }
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
  const { cpuUsPerMessage, messagesPerSecond, foreignCores } = measurement
  progress.done(
    `${label}: ${cpuUsPerMessage.toFixed(2)} µs/message, ${Math.round(messagesPerSecond)} messages/s, ` +
      `${foreignCores.toFixed(2)} cores busy with something else`,
  )
  return measurement
}

function summariseWork(work: Work, measurements: ReadonlyMap<Peer, readonly Measurement[]>): Row[] {
  const reference = [...measurements].find(([peer]) => peer.name === REFERENCE)?.[1] ?? []
  return [...measurements]
    .filter(([, list]) => list.length > 0)
    .map(([peer, list]) => summarise({ work: work.name, title: work.title, server: peer.name }, list, reference))
}
