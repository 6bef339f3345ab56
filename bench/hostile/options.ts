import { parseArgs } from 'node:util'
import { choose } from '../harness/choose.ts'
import { SCENARIOS, type Scenario } from './scenarios.ts'
import { SERVERS, type Server } from './servers.ts'

export const USAGE = `Usage: npm run bench:hostile -- [options]
  --only LIST     scenarios: ${SCENARIOS.map(({ name }) => name).join(',')}
  --servers LIST  ${SERVERS.map(({ name }) => name).join(',')}
  --out DIR       where hostile-latest.json and hostile-latest.md go (default bench/results)`

export interface HostileOptions {
  readonly scenarios: readonly Scenario[]
  readonly servers: readonly Server[]
  readonly outDir: string
}

/** Throws an Error whose message names the option and what it accepts; null when help was asked for. */
export function parseOptions(args: readonly string[]): HostileOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      servers: { type: 'string' },
      out: { type: 'string', default: 'bench/results' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return null
  return {
    scenarios: choose('only', values.only, SCENARIOS),
    servers: choose('servers', values.servers, SERVERS),
    outDir: values.out,
  }
}
