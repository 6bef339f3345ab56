import type * as PromClient from 'prom-client'
import { loadPeerDependency } from '../main/peer-dependency.ts'
import { FAMILIES, type Reading } from './families.ts'

const LEAST_MAJOR = 15

/** @throws ShardwsError PROM_CLIENT_MISSING, also for a prom-client that is too old. */
export function loadPromClient(): typeof PromClient {
  return loadPeerDependency('prom-client', LEAST_MAJOR, 'PROM_CLIENT_MISSING')
}

/**
 * A registry with these figures. Each scrape has its own: nothing is left of an earlier one, and nothing is shared with other
 * servers or with the application's metrics.
 *
 * @param readings By name of the server, which becomes the label `server`; '' for none.
 */
export function registryOf(
  { Registry, Counter, Gauge }: typeof PromClient,
  readings: ReadonlyMap<string, Reading>,
): PromClient.Registry {
  const registry = new Registry()
  for (const { name, type, help, label, read } of FAMILIES) {
    const isNamed = !readings.has('')
    const labelNames = [...(isNamed ? ['server'] : []), ...(label === null ? [] : [label])]
    const settings = { name, help, labelNames, registers: [registry] }
    // A counter that is new in this registry is at 0.
    const metric = type === 'counter' ? new Counter<string>(settings) : new Gauge<string>(settings)
    for (const [server, reading] of readings) {
      const ofServer = isNamed ? { server } : {}
      const samples = read(reading)
      if (typeof samples === 'number') metric.inc(ofServer, samples)
      else if (label !== null) {
        for (const [value, count = 0] of Object.entries(samples)) metric.inc({ ...ofServer, [label]: value }, count)
      }
    }
  }
  return registry
}
