/** Milliseconds, over all tasks since the server was made. */
export interface Durations {
  /** Milliseconds. */
  readonly mean: number
  /** Milliseconds. */
  readonly max: number
}

/** What the compute threads have done. All zero without the option `compute`. */
export interface ComputeStats {
  /** That run now, those that are starting included. */
  readonly threads: number
  /** Tasks that a thread has now, and tasks that wait for one. */
  readonly running: number
  /** Tasks that wait for a thread. */
  readonly queued: number
  /** Tasks that have answered, ever. */
  readonly completed: number
  /** Tasks that threw, or whose thread ended or did not start. */
  readonly failed: number
  /** By `maxQueue`. */
  readonly rejected: number
  /** By their signal, or by the end of the server. */
  readonly aborted: number
  /** By `taskTimeoutMs`. */
  readonly timedOut: number
  /** From `run` until a thread began the task. */
  readonly waitMs: Durations
  /** How long tasks ran, once they had a thread. */
  readonly runMs: Durations
}

/** Totals of the tasks of one server. */
export class ComputeCounters {
  completed = 0
  failed = 0
  rejected = 0
  aborted = 0
  timedOut = 0
  readonly waitMs = new DurationTotal()
  readonly runMs = new DurationTotal()
}

class DurationTotal {
  #count = 0
  #sum = 0
  #max = 0

  add(ms: number): void {
    this.#count++
    this.#sum += ms
    this.#max = Math.max(this.#max, ms)
  }

  snapshot(): Durations {
    return { mean: this.#count === 0 ? 0 : this.#sum / this.#count, max: this.#max }
  }
}
