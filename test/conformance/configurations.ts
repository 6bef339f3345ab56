import type { EchoOptions, EchoServer } from '../fixtures/echo-server.ts'

/** One server configuration the whole suite runs against. */
export interface Configuration {
  readonly name: string
  /** Whether the server under test has these options at all. */
  supports(options: EchoOptions): boolean
  start(options?: EchoOptions): Promise<EchoServer>
}

// Every way a connection can live: on main, in the one shard of the best strategy here, and by relay among several.
const DEFAULT: readonly EchoOptions[] = [{ shards: 0 }, { shards: 1 }, { shards: 3, handoff: 'relay' }]

/**
 * `CONFORMANCE_CONFIGS`: a JSON array of server options instead of the default list.
 * `CONFORMANCE_PEER=ws`: the suite judges `ws`, to tell a mistake of the suite from one of the engine.
 */
export async function configurations(standard = DEFAULT): Promise<Configuration[]> {
  const { CONFORMANCE_CONFIGS: json, CONFORMANCE_PEER: peer } = process.env
  if (peer === 'ws') {
    const { startWsEchoServer, WS_OPTIONS } = await import('../fixtures/ws-echo-server.ts')
    const supports = (options: EchoOptions): boolean => Object.keys(options).every((name) => WS_OPTIONS.includes(name))
    return [{ name: 'ws', supports, start: startWsEchoServer }]
  }
  const { startEchoServer } = await import('../fixtures/echo-server.ts')
  const list = json === undefined ? standard : (JSON.parse(json) as EchoOptions[])
  return list.map((base) => ({
    name: JSON.stringify(base),
    supports: () => true,
    start: (options = {}) => startEchoServer({ ...base, ...options }),
  }))
}
