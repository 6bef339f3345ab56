import type { Logger } from './logger.ts'
import type { MainCounters } from './main-counters.ts'
import type { MoveReport } from './mover.ts'
import type { ResolvedRebalance } from './rebalance-options.ts'

interface RebalanceHost {
  readonly counters: Pick<MainCounters, 'rebalances'>
  readonly options: { readonly logger: Logger }
  /** Null: one is missing. */
  readonly supervisor: { readonly seats: readonly ({ readonly assigned: number } | null)[] }
  readonly topology: {
    /** See `Topology.evenOut`. */
    evenOut(most: number): Promise<MoveReport> | null
  }
}

/** Looks at the shards now and then, and evens them out, little by little, once they differ too much and until they do not differ. */
export class AutoRebalance {
  readonly #options: ResolvedRebalance
  readonly #host: RebalanceHost
  readonly #timer: NodeJS.Timeout
  /** It has begun and not come to its end: what made it begin need not be there any more. */
  #isUnderWay = false

  constructor(options: ResolvedRebalance, host: RebalanceHost) {
    this.#options = options
    this.#host = host
    this.#timer = setInterval(() => void this.look(), options.intervalMs)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Fulfilled when the moves of this look are over. Never rejects. */
  async look(): Promise<void> {
    const { counters, options, supervisor, topology } = this.#host
    const counts = supervisor.seats.map((shard) => shard?.assigned ?? 0)
    this.#isUnderWay = this.#isUnderWay ? spreadOf(counts) > 1 : this.#isTooMuch(counts)
    if (!this.#isUnderWay) return
    const report = await topology.evenOut(this.#options.maxMoves)?.catch(() => null)
    if (!report || report.moved === 0) return
    counters.rebalances++
    options.logger.info({ ...report, counts }, 'shards evened out')
  }

  #isTooMuch(counts: readonly number[]): boolean {
    const { minDifference, ratio } = this.#options
    const average = counts.reduce((sum, count) => sum + count, 0) / counts.length
    return Math.max(...counts) > ratio * average && spreadOf(counts) >= minDifference
  }
}

function spreadOf(counts: readonly number[]): number {
  return Math.max(...counts) - Math.min(...counts)
}
