import { parseArgs } from 'node:util'
import { PEERS, type Peer } from '../peers.ts'
import { WORKS, type Work } from '../works.ts'

export const USAGE = `Usage: npm run bench -- [options]
  --seconds N     measured window of each run (default 3)
  --warm-up N     seconds before it (default 1)
  --rounds N      runs of each pair; medians are reported (default 3)
  --only LIST     workloads: ${WORKS.map((work) => work.name).join(',')}
  --servers LIST  ${PEERS.map((peer) => peer.name).join(',')}
  --out DIR       where latest.json and latest.md go (default bench/results)
  --json          print the results as JSON instead of a table`

export interface BenchOptions {
  readonly windowMs: number
  readonly warmUpMs: number
  readonly rounds: number
  readonly works: readonly Work[]
  readonly peers: readonly Peer[]
  readonly outDir: string
  readonly json: boolean
}

/** Throws an Error whose message names the option and what it accepts; null when help was asked for. */
export function parseOptions(args: readonly string[]): BenchOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '3' },
      'warm-up': { type: 'string', default: '1' },
      rounds: { type: 'string', default: '3' },
      only: { type: 'string' },
      servers: { type: 'string' },
      out: { type: 'string', default: 'bench/results' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return null
  const rounds = positive('rounds', values.rounds)
  if (!Number.isInteger(rounds)) throw new Error('--rounds must be a whole number')
  return {
    windowMs: positive('seconds', values.seconds) * 1000,
    warmUpMs: positive('warm-up', values['warm-up']) * 1000,
    rounds,
    works: choose('only', values.only, WORKS),
    peers: choose('servers', values.servers, PEERS),
    outDir: values.out,
    json: values.json,
  }
}

function positive(option: string, value: string): number {
  const number = Number(value)
  if (!(number > 0 && Number.isFinite(number))) throw new Error(`--${option} must be a positive number, not '${value}'`)
  return number
}

/** The table's order holds, whatever order was typed. */
function choose<Row extends { readonly name: string }>(
  option: string,
  list: string | undefined,
  table: readonly Row[],
): readonly Row[] {
  if (list === undefined) return table
  const names = list.split(',')
  for (const name of names) {
    if (table.some((row) => row.name === name)) continue
    throw new Error(`--${option}: no '${name}'; there are ${table.map((row) => row.name).join(', ')}`)
  }
  return table.filter((row) => names.includes(row.name))
}
