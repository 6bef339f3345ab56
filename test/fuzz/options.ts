import { parseArgs } from 'node:util'

export const USAGE = `Usage: npm run fuzz -- [options]
  --minutes N   how long (default 1)
  --seed S      any word; the same word gives the same sessions on the same Node (default: a new one, printed)
  --session N   only the session of that number, or N-M for several
  --corpus F    only that file of test/fuzz/corpus, or 'all'
  --shards N    of the servers that have some, at least 1 (default 2)`

export interface FuzzOptions {
  readonly minutes: number
  readonly seed: string
  /** Numbers of the first and last session; null for as many as there is time for. */
  readonly sessions: readonly [first: number, last: number] | null
  readonly corpus: string | null
  readonly shards: number
}

/** Throws an Error that names the option and what it accepts; null when help was asked for. */
export function parseOptions(args: readonly string[]): FuzzOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string' },
      session: { type: 'string' },
      corpus: { type: 'string' },
      shards: { type: 'string', default: '2' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return null
  const minutes = Number(values.minutes)
  if (!(minutes > 0 && Number.isFinite(minutes))) throw new Error('--minutes must be a positive number')
  const shards = Number(values.shards)
  if (!(Number.isInteger(shards) && shards >= 1 && shards <= 16)) throw new Error('--shards must be from 1 to 16')
  const seed = values.seed ?? newSeed()
  if (!/^[\w-]+$/.test(seed)) throw new Error('--seed must be a word of letters, digits, _ and -')
  return { minutes, seed, sessions: sessionsOf(values.session), corpus: values.corpus ?? null, shards }
}

export function newSeed(): string {
  return Math.floor(Math.random() * 2 ** 32).toString(36)
}

function sessionsOf(range: string | undefined): [number, number] | null {
  if (range === undefined) return null
  const match = /^(\d+)(?:-(\d+))?$/.exec(range)
  if (match === null) throw new Error('--session must be a number, or two with a - between them')
  return [Number(match[1]), Number(match[2] ?? match[1])]
}
