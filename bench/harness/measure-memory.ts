import { setTimeout as delay } from 'node:timers/promises'
import type { Peer } from '../peers.ts'
import type { ServerUsage } from '../protocol.ts'
import type { Work } from '../works.ts'
import { startLoad, startServer } from './children.ts'
import { CONNECT_DEADLINE_MS, SAMPLE_DEADLINE_MS, START_DEADLINE_MS } from './deadlines.ts'
import type { Measurement } from './measure.ts'

/** The connections that are there before the first reading: they pay for compiled code and first chunks of heap. */
const FIRST_PART = 0.1

/** Garbage is collected twice, since what finalizers let go is free only the second time. */
const COLLECTIONS = 2
const SETTLE_MS = 500

/** What one more idle connection costs: the memory of all of them less that of the first tenth, garbage collected. */
export async function measureMemory(peer: Peer, work: Work): Promise<Measurement> {
  const first = Math.round(work.connections * FIRST_PART)
  const parts = [first, work.connections - first] as const
  const server = startServer(peer, work)
  const loads = [startLoad(), startLoad()] as const
  const connect = async (port: number, part: 0 | 1): Promise<ServerUsage> => {
    const command = { type: 'run', port, work: { ...work, connections: parts[part] } } as const
    await loads[part].request(command, 'running', CONNECT_DEADLINE_MS)
    for (let collection = 0; collection < COLLECTIONS; collection += 1) {
      await server.request({ type: 'collect' }, 'collecting', SAMPLE_DEADLINE_MS)
      await delay(SETTLE_MS)
    }
    return (await server.request({ type: 'measure' }, 'measured', SAMPLE_DEADLINE_MS)).usage
  }
  try {
    const { port } = await server.request({ type: 'start', work }, 'listening', START_DEADLINE_MS)
    const before = await connect(port, 0)
    const after = await connect(port, 1)
    // A load that lost a connection meanwhile has failed, and this says so.
    for (const load of loads) await load.request({ type: 'sample', reset: false }, 'sampled', SAMPLE_DEADLINE_MS)
    return {
      ...NOTHING,
      rssBytes: after.rssBytes,
      rssBytesPerConnection: (after.rssBytes - before.rssBytes) / parts[1],
      heapBytesPerConnection: (after.heapBytes - before.heapBytes) / parts[1],
    }
  } finally {
    await Promise.all([server.end(), ...loads.map((load) => load.end())])
  }
}

/** Connections that are silent have no messages to speak of. */
const NOTHING: Measurement = {
  messages: null,
  messagesPerSecond: null,
  cpuUsPerMessage: null,
  mainCpuUsPerMessage: null,
  wireBytesPerMessage: null,
  serverCores: null,
  loadCores: null,
  foreignCores: null,
  p50Us: null,
  p99Us: null,
  maxUs: null,
  rssBytes: null,
  rssBytesPerConnection: null,
  heapBytesPerConnection: null,
}
