import { parseArgs } from 'node:util'
import { PEERS, type Peer } from '../peers.ts'
import { WORKS, type Work } from '../works.ts'
import { choose } from './choose.ts'

export const USAGE = `Usage: npm run bench -- [options]
  --seconds N     measured window of each run (default 1)
  --warm-up N     seconds before it (default 0.5)
  --rounds N      runs of each pair; medians are reported (default 3)
  --quick         the same as --seconds 0.5 --warm-up 0.3 --rounds 1
  --only LIST     workloads: ${WORKS.map((work) => work.name).join(',')}
  --servers LIST  ${PEERS.map((peer) => peer.name).join(',')}
  --out DIR       where latest.{json,md,svg} go (default bench/results)
  --save          keep them as <date>-node<major>.{json,md,svg} too
  --json          print the results as JSON instead of tables`

export interface BenchOptions {
  readonly windowMs: number
  readonly warmUpMs: number
  readonly rounds: number
  readonly works: readonly Work[]
  readonly peers: readonly Peer[]
  /** Would have been measured, had they been installed. */
  readonly leftOut: readonly Peer[]
  readonly outDir: string
  readonly save: boolean
  readonly json: boolean
}

/** Throws an Error whose message names the option and what it accepts; null when help was asked for. */
export function parseOptions(args: readonly string[]): BenchOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string' },
      'warm-up': { type: 'string' },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      servers: { type: 'string' },
      out: { type: 'string', default: 'bench/results' },
      save: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return null
  const defaults = values.quick ? QUICK : NORMAL
  const rounds = positive('rounds', values.rounds ?? defaults.rounds)
  if (!Number.isInteger(rounds)) throw new Error('--rounds must be a whole number')
  const wanted = choose('servers', values.servers, PEERS)
  const leftOut = wanted.filter((peer) => peer.missing !== null)
  const [absent] = leftOut
  if (values.servers !== undefined && absent !== undefined) {
    throw new Error(`--servers: no ${absent.name} here, ${absent.missing}`)
  }
  return {
    windowMs: positive('seconds', values.seconds ?? defaults.seconds) * 1000,
    warmUpMs: positive('warm-up', values['warm-up'] ?? defaults.warmUp) * 1000,
    rounds,
    works: choose('only', values.only, WORKS),
    peers: wanted.filter((peer) => peer.missing === null),
    leftOut,
    outDir: values.out,
    save: values.save,
    json: values.json,
  }
}

const NORMAL = { seconds: '1', warmUp: '0.5', rounds: '3' }
const QUICK = { seconds: '0.5', warmUp: '0.3', rounds: '1' }

function positive(option: string, value: string): number {
  const number = Number(value)
  if (!(number > 0 && Number.isFinite(number))) throw new Error(`--${option} must be a positive number, not '${value}'`)
  return number
}
