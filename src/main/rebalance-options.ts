import { ShardwsError } from '../shared/errors.ts'
import { type Check, checkOptions, integer } from './option-checks.ts'

/** When and how fast shards are evened out by themselves. */
export interface AutoRebalanceOptions {
  /** Milliseconds between two looks at the shards, 100 to 3600000. Default 30000. */
  readonly intervalMs?: number
  /** It begins when the fullest shard has more than this times the average, 1 to 100. Default 1.25. */
  readonly ratio?: number
  /** It begins only if the fullest shard has at least so many connections more than the emptiest, 2 to 1000000. Default 16. */
  readonly minDifference?: number
  /** Connections that move at each look, 1 to 1000000. Default 256. */
  readonly maxMoves?: number
}

export interface RebalanceOptions {
  /**
   * Evens out the shards by itself, as `rebalance()` does, but little by little: once they differ too much, some connections
   * move at each look, until no two shards differ by more than one. It waits while shards are replaced or resized, while one
   * is missing or stands still, and ends with the server. Not with `shardBy`, which decides itself, nor with `shards: 0`. Default false.
   */
  autoRebalance?: boolean | AutoRebalanceOptions
}

export type ResolvedRebalance = Required<AutoRebalanceOptions>

const LARGEST_RATIO = 100

const DEFAULTS: ResolvedRebalance = { intervalMs: 30_000, ratio: 1.25, minDifference: 16, maxMoves: 256 }

const CHECKS: Readonly<Record<keyof AutoRebalanceOptions, Check>> = {
  intervalMs: integer(100, 3_600_000),
  ratio: (value) =>
    typeof value === 'number' && value >= 1 && value <= LARGEST_RATIO ? null : `a number from 1 to ${LARGEST_RATIO}`,
  minDifference: integer(2, 1_000_000),
  maxMoves: integer(1, 1_000_000),
}

export const REBALANCE_CHECKS: Readonly<Record<keyof RebalanceOptions, Check>> = {
  autoRebalance: (value) =>
    typeof value === 'boolean' || (typeof value === 'object' && value !== null) ? null : 'true, false or an object',
}

/** Null: never. @throws ShardwsError OPTION_UNKNOWN, OPTION_INVALID */
export function resolveRebalance(
  options: RebalanceOptions & { readonly shardBy?: unknown; readonly shards?: number | undefined },
): ResolvedRebalance | null {
  const { autoRebalance = false, shardBy, shards } = options
  if (autoRebalance === false) return null
  const given = autoRebalance === true ? {} : autoRebalance
  checkOptions('options.autoRebalance', CHECKS, given)
  if (shardBy !== undefined || shards === 0) {
    const why =
      shards === 0 ? 'options.shards is 0: there are no threads to even out' : 'options.shardBy decides who is where'
    throw new ShardwsError('OPTION_INVALID', `options.autoRebalance: leave it out, ${why}`)
  }
  return Object.freeze({ ...DEFAULTS, ...given })
}
