import { parseArgs } from 'node:util'
import { newSeed } from '../fuzz/options.ts'
import { MUTANTS, type Mutant } from './mutants.ts'

export const USAGE = `Usage: npm run soak -- [options]
  --minutes N    how long, in whole rounds (default 1); or --seconds N
  --seed S       any word; the same word gives the same clients and the same misfortunes in the same order (default: a new one, printed)
  --clients N    of each of the two client processes (default 100)
  --mutant M     the server has a defect, which must be found: ${Object.keys(MUTANTS).join(', ')}
  --save         writes bench/results/soak-DATE-nodeNN.md and .json`

export interface SoakCommand {
  readonly durationMs: number
  readonly seed: string
  readonly clients: number
  readonly mutant: Mutant | null
  readonly isSaved: boolean
}

/** Throws an Error that names the option and what it accepts; null when help was asked for. */
export function parseOptions(args: readonly string[]): SoakCommand | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string' },
      seconds: { type: 'string' },
      seed: { type: 'string' },
      clients: { type: 'string', default: '100' },
      mutant: { type: 'string' },
      save: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return null
  const seconds = values.seconds === undefined ? Number(values.minutes ?? '1') * 60 : Number(values.seconds)
  if (!(seconds > 0 && Number.isFinite(seconds))) throw new Error('--minutes and --seconds must be positive numbers')
  const clients = Number(values.clients)
  if (!(Number.isInteger(clients) && clients >= 1 && clients <= 1000))
    throw new Error('--clients must be from 1 to 1000')
  const seed = values.seed ?? newSeed()
  if (!/^[\w-]+$/.test(seed)) throw new Error('--seed must be a word of letters, digits, _ and -')
  const { mutant } = values
  if (mutant !== undefined && !(mutant in MUTANTS)) throw new Error(`--mutant must be one of ${Object.keys(MUTANTS)}`)
  return {
    durationMs: seconds * 1000,
    seed,
    clients,
    mutant: (mutant as Mutant | undefined) ?? null,
    isSaved: values.save,
  }
}
