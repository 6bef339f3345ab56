import { within } from '../shared/within.ts'
import type { RunningShard } from './running-shard.ts'

/** How the life of a shard has ended: by itself, as another one has taken over, or with its server. */
export type ShardEnd = 'died' | 'replaced' | 'stopped'

/** How long a thread that was told to end at once is waited for: one that is stuck in native code goes when that returns. */
export const TERMINATE_MS = 1000

/** Shards that were told to end, and threads that are not gone yet. */
export class ShardEndings {
  readonly #onEnded: (shard: RunningShard, how: ShardEnd) => void
  readonly #endings = new WeakMap<RunningShard, Promise<void>>()
  readonly #zombies = new Set<Promise<void>>()

  /** `onEnded`: it has ended, or was given enough time to. */
  constructor(onEnded: (shard: RunningShard, how: ShardEnd) => void) {
    this.#onEnded = onEnded
  }

  /** Threads of shards that have ended, for main, and are not gone: stuck in native code, or about to go. */
  get zombies(): number {
    return this.#zombies.size
  }

  /** Whether this shard was told to end. */
  has(shard: RunningShard): boolean {
    return this.#endings.has(shard)
  }

  /** Tells it to end, unless somebody else has; it is not waited for when `forced` settles. Fulfilled when main has nothing to do with it any more; never rejects. */
  end(shard: RunningShard, how: ShardEnd, deadlineMs: number, forced?: Promise<void>): Promise<void> {
    const known = this.#endings.get(shard)
    if (known !== undefined) return known
    const ending = this.#endWithin(deadlineMs, shard, how, forced)
    this.#endings.set(shard, ending)
    return ending
  }

  /** Destroys it. Not to be awaited: a thread that is stuck in native code may take long to go. */
  bury(shard: RunningShard): void {
    const gone = shard.destroy().catch(() => {})
    this.#zombies.add(gone)
    void gone.then(() => this.#zombies.delete(gone))
  }

  /** Waits for the threads to go, but not for those that are stuck. */
  settled(): Promise<void> {
    return within(TERMINATE_MS, Promise.all(this.#zombies))
  }

  async #endWithin(deadlineMs: number, shard: RunningShard, how: ShardEnd, forced?: Promise<void>): Promise<void> {
    shard.stop()
    await within(deadlineMs, forced === undefined ? shard.ended : Promise.race([shard.ended, forced]))
    this.#onEnded(shard, how)
    this.bury(shard)
  }
}
