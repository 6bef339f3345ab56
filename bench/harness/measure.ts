import { cpus } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import type { Peer } from '../peers.ts'
import type { LoadCommand, LoadReply, LoadSample, ServerCommand, ServerReply, ServerUsage } from '../protocol.ts'
import type { Work } from '../works.ts'
import { Child } from './child.ts'

const START_DEADLINE_MS = 15_000
const CONNECT_DEADLINE_MS = 20_000
const SAMPLE_DEADLINE_MS = 10_000
const PROGRESS_INTERVAL_MS = 500

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const LOAD_ENTRY = new URL(`../load/load${extension}`, import.meta.url)

export interface Timing {
  readonly warmUpMs: number
  readonly windowMs: number
}

/** One server under one workload, once. */
export interface Measurement {
  /** Received in the window, every byte verified; for fan-out one per member reached. */
  readonly messages: number
  readonly messagesPerSecond: number
  /** Server CPU per message, all threads, user and system. */
  readonly cpuUsPerMessage: number
  /** The main thread's part of it; null where the platform does not tell. */
  readonly mainCpuUsPerMessage: number | null
  /** Cores kept busy, 1 being one core: who was the bottleneck. */
  readonly serverCores: number
  readonly loadCores: number
  /** Cores that other processes kept busy meanwhile: how far to trust this measurement. */
  readonly foreignCores: number
  /** From writing a batch to its last reply. */
  readonly p50Us: number
  readonly p99Us: number
  readonly rssBytes: number
}

/** Starts server and load in processes of their own, measures one window, and ends both whatever happens. */
export async function measure(
  peer: Peer,
  work: Work,
  timing: Timing,
  progress: (messagesPerSecond: number) => void,
): Promise<Measurement> {
  const server = new Child<ServerCommand, ServerReply>(peer.name, peer.entry, peer.args)
  const load = new Child<LoadCommand, LoadReply>('load', LOAD_ENTRY)
  const snapshot = async (reset: boolean): Promise<Snapshot> => {
    const [{ usage }, { sample }] = await Promise.all([
      server.request({ type: 'measure' }, 'measured', SAMPLE_DEADLINE_MS),
      load.request({ type: 'sample', reset }, 'sampled', SAMPLE_DEADLINE_MS),
    ])
    return { usage, sample, machine: readMachine() }
  }
  try {
    const { port } = await server.request({ type: 'start', app: work.app }, 'listening', START_DEADLINE_MS)
    await load.request({ type: 'run', port, work }, 'running', CONNECT_DEADLINE_MS)
    await delay(timing.warmUpMs)
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

/** CPU time of the whole machine since it booted. */
interface MachineUsage {
  readonly atMs: number
  readonly busyMs: number
}

function readMachine(): MachineUsage {
  const busyMs = cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0)
  return { atMs: performance.now(), busyMs }
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
  const busyCores = (after.machine.busyMs - before.machine.busyMs) / (after.machine.atMs - before.machine.atMs)
  return {
    messages,
    messagesPerSecond: messagesPerMs * 1000,
    cpuUsPerMessage: cpuUsPerMs / messagesPerMs,
    mainCpuUsPerMessage: mainUs === null ? null : mainUs / serverMs / messagesPerMs,
    serverCores,
    loadCores,
    // The machine's clock ticks every 10 ms on Linux, so the difference can fall below nothing.
    foreignCores: Math.max(0, busyCores - serverCores - loadCores),
    p50Us: after.sample.p50Us,
    p99Us: after.sample.p99Us,
    rssBytes: after.usage.rssBytes,
  }
}
