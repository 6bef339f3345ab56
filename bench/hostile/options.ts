import { parseArgs } from 'node:util'
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

/** The table's order holds, whatever order was typed. */
function choose<Named extends { readonly name: string }>(
  option: string,
  list: string | undefined,
  table: readonly Named[],
): readonly Named[] {
  if (list === undefined) return table
  const names = list.split(',')
  for (const name of names) {
    if (table.some((row) => row.name === name)) continue
    throw new Error(`--${option}: no '${name}'; there are ${table.map((row) => row.name).join(', ')}`)
  }
  return table.filter((row) => names.includes(row.name))
}
