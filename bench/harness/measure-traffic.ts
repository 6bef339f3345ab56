import { setTimeout as delay } from 'node:timers/promises'
import type { Peer } from '../peers.ts'
import type { LoadCommand, LoadReply, LoadSample, ServerUsage } from '../protocol.ts'
import type { Work } from '../works.ts'
import type { Child } from './child.ts'
import { startLoad, startServer } from './children.ts'
import { CONNECT_DEADLINE_MS, SAMPLE_DEADLINE_MS, START_DEADLINE_MS } from './deadlines.ts'
import { busyCores, type MachineUsage, readMachineUsage } from './machine-usage.ts'
import type { Measurement } from './measure.ts'

const PROGRESS_INTERVAL_MS = 500

export interface Timing {
  readonly warmUpMs: number
  readonly windowMs: number
}

/** One window of steady traffic after a warm-up. */
export async function measureTraffic(
  peer: Peer,
  work: Work,
  timing: Timing,
  progress: (messagesPerSecond: number) => void,
): Promise<Measurement> {
  const server = startServer(peer, work)
  const load = startLoad()
  const snapshot = async (reset: boolean): Promise<Snapshot> => {
    const [{ usage }, { sample }] = await Promise.all([
      server.request({ type: 'measure' }, 'measured', SAMPLE_DEADLINE_MS),
      load.request({ type: 'sample', reset }, 'sampled', SAMPLE_DEADLINE_MS),
    ])
    return { usage, sample, machine: readMachineUsage() }
  }
  try {
    const { port } = await server.request({ type: 'start', work }, 'listening', START_DEADLINE_MS)
    await load.request({ type: 'run', port, work, mirror: peer.mirror === true }, 'running', CONNECT_DEADLINE_MS)
    await delay(timing.warmUpMs * (work.warmUp ?? 1))
    const before = await snapshot(true)
    await watch(load, before.sample, timing.windowMs, progress)
    return compare(before, await snapshot(false))
  } finally {
    await Promise.all([load.end(), server.end()])
  }
}

interface Snapshot {
  readonly usage: ServerUsage
  readonly sample: LoadSample
  readonly machine: MachineUsage
}

/** Waits for the window to pass; a load that stands still would only look slow, so it is an error. */
async function watch(
  load: Child<LoadCommand, LoadReply>,
  start: LoadSample,
  windowMs: number,
  progress: (messagesPerSecond: number) => void,
): Promise<void> {
  let last = start
  for (let leftMs = windowMs; leftMs > 0; leftMs -= PROGRESS_INTERVAL_MS) {
    await delay(Math.min(leftMs, PROGRESS_INTERVAL_MS))
    const { sample } = await load.request({ type: 'sample', reset: false }, 'sampled', SAMPLE_DEADLINE_MS)
    if (sample.messages === last.messages) {
      throw new Error(`the load stands still: a reply is missing after ${sample.messages} messages`)
    }
    progress(((sample.messages - last.messages) / (sample.atMs - last.atMs)) * 1000)
    last = sample
  }
}

/**
 * The two processes answer a snapshot at slightly different moments. Each one's counters are divided by
 * its own clock, so what is compared is two rates and not two windows of unequal length.
 */
function compare(before: Snapshot, after: Snapshot): Measurement {
  const serverMs = after.usage.atMs - before.usage.atMs
  const loadMs = after.sample.atMs - before.sample.atMs
  const messages = after.sample.messages - before.sample.messages
  const messagesPerMs = messages / loadMs
  const cpuUsPerMs = (after.usage.cpuUs - before.usage.cpuUs) / serverMs
  const mainUs =
    after.usage.mainCpuUs === null || before.usage.mainCpuUs === null
      ? null
      : after.usage.mainCpuUs - before.usage.mainCpuUs
  const serverCores = cpuUsPerMs / 1000
  const loadCores = (after.sample.cpuUs - before.sample.cpuUs) / loadMs / 1000
  return {
    messages,
    messagesPerSecond: messagesPerMs * 1000,
    cpuUsPerMessage: cpuUsPerMs / messagesPerMs,
    mainCpuUsPerMessage: mainUs === null ? null : mainUs / serverMs / messagesPerMs,
    wireBytesPerMessage: (after.sample.wireBytes - before.sample.wireBytes) / messages,
    serverCores,
    loadCores,
    // The machine's clock ticks every 10 ms on Linux, so the difference can fall below nothing.
    foreignCores: Math.max(0, busyCores(before.machine, after.machine) - serverCores - loadCores),
    p50Us: after.sample.p50Us,
    p99Us: after.sample.p99Us,
    maxUs: after.sample.maxUs,
    rssBytes: after.usage.rssBytes,
    rssBytesPerConnection: null,
    heapBytesPerConnection: null,
  }
}
