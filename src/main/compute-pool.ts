import { performance } from 'node:perf_hooks'
import { ShardwsError } from '../shared/errors.ts'
import { AbortGroups } from './abort-groups.ts'
import type { ResolvedCompute } from './compute-options.ts'
import { ComputeQueue } from './compute-queue.ts'
import { ComputeCounters, type ComputeStats } from './compute-stats.ts'
import { assertRunOptions, type ComputeRunOptions, ComputeTask } from './compute-task.ts'
import { ComputeThread, type ComputeThreadObserver } from './compute-thread.ts'
import type { LimitLog } from './limit-log.ts'
import type { Logger } from './logger.ts'

/** How long no thread is started after one could not: a broken module must not cost a thread start for each task. */
const START_PAUSE_MS = 1000

/** CPU-heavy work, beside main and the shards. */
export interface Compute {
  /**
   * Calls the module of the option `compute` with `task`, on a thread of its own, and resolves with what it returns. Both are
   * copied as by `structuredClone`, `task` when a thread takes it: do not change it before. Rejects with what the module throws,
   * with the reason of `signal`, with a DataCloneError for a task that cannot be copied, or with a ShardwsError:
   * COMPUTE_QUEUE_FULL, COMPUTE_TIMEOUT, COMPUTE_FAILED (the thread ended or could not start, `cause` says why),
   * SERVER_CLOSED, ARGUMENT_INVALID, or OPTION_INVALID without the option.
   */
  run(task: unknown, options?: ComputeRunOptions): Promise<unknown>
}

interface StartFailure {
  readonly error: ShardwsError
  /** Until then no thread is started. */
  readonly untilMs: number
}

/** The compute threads of one server, and the tasks that wait for one. */
export class ComputePool implements Compute, ComputeThreadObserver {
  readonly #options: ResolvedCompute | null
  readonly #logger: Logger
  readonly #limitLog: LimitLog
  readonly #counters = new ComputeCounters()
  readonly #queue = new ComputeQueue()
  readonly #threads = new Set<ComputeThread>()
  /** Those of them that are not ready yet. */
  #starting = 0
  /** Those that have nothing to do. The one that was busy last is taken first, so that the others may end. */
  readonly #idle: ComputeThread[] = []
  readonly #ends = new Set<Promise<void>>()
  readonly #signals = new AbortGroups<ComputeTask>((task, reason) => this.#onAbort(task, reason))
  #startFailure: StartFailure | null = null
  #isClosed = false
  #onQuiet: () => void = () => {}

  /** @param options null without the option `compute`. */
  constructor(options: ResolvedCompute | null, logger: Logger, limitLog: LimitLog) {
    this.#options = options
    this.#logger = logger
    this.#limitLog = limitLog
  }

  async run(value: unknown, options: ComputeRunOptions = {}): Promise<unknown> {
    if (this.#options === null) {
      throw new ShardwsError('OPTION_INVALID', 'options.compute is missing: { filename }, the module that computes')
    }
    assertRunOptions(options)
    if (this.#isClosed) throw new ShardwsError('SERVER_CLOSED')
    if (options.signal?.aborted) {
      this.#counters.aborted++
      throw options.signal.reason
    }
    this.#assertRoom(this.#options)
    const task = new ComputeTask(value, options, this.#signals)
    this.#queue.add(task)
    this.#dispatch()
    return task.result
  }

  stats(): ComputeStats {
    const { completed, failed, rejected, aborted, timedOut, waitMs, runMs } = this.#counters
    return {
      threads: this.#threads.size,
      running: this.#running,
      queued: this.#queue.size,
      completed,
      failed,
      rejected,
      aborted,
      timedOut,
      waitMs: waitMs.snapshot(),
      runMs: runMs.snapshot(),
    }
  }

  /**
   * From now on nothing is taken. What waits is rejected at once, what still runs when `deadline` is aborted then, with
   * SERVER_CLOSED. Resolves when all threads are gone.
   */
  async close(deadline: AbortSignal): Promise<void> {
    this.#isClosed = true
    for (const task of this.#queue.takeAll()) this.#refuse(task)
    for (const thread of this.#threads) if (thread.task === null) this.#discard(thread)
    await this.#quiet(deadline)
    for (const thread of this.#threads) {
      const { task } = thread
      this.#discard(thread)
      if (task !== null) this.#refuse(task)
    }
    await Promise.all(this.#ends)
  }

  // ── from the threads ──

  onReady(thread: ComputeThread): void {
    this.#starting--
    this.#rest(thread)
  }

  onCompleted(thread: ComputeThread, task: ComputeTask, result: unknown): void {
    this.#counters.completed++
    this.#countRun(task)
    task.resolve(result)
    this.#rest(thread)
  }

  onFailed(thread: ComputeThread, task: ComputeTask, error: unknown): void {
    this.#fail(task, error)
    this.#rest(thread)
  }

  onEnded(thread: ComputeThread, cause: unknown): void {
    const { task, isReady } = thread
    const what = isReady ? 'a compute thread ended' : 'a compute thread could not start'
    const error = new ShardwsError('COMPUTE_FAILED', `${what}: ${describe(cause)}`, { cause })
    this.#logger.error({ cause: describe(cause) }, what)
    if (!isReady) this.#startFailure = { error, untilMs: performance.now() + START_PAUSE_MS }
    this.#discard(thread)
    if (task !== null) this.#fail(task, error)
    this.#dispatch()
  }

  /** Tasks that a thread has. */
  get #running(): number {
    return this.#threads.size - this.#starting - this.#idle.length
  }

  /** Each thread that is idle, starting or may be started has room for one task more than `maxQueue`. */
  #assertRoom({ maxQueue, maxThreads }: ResolvedCompute): void {
    const room = this.#isPaused ? this.#threads.size : maxThreads
    if (room === 0 && this.#startFailure !== null) {
      this.#counters.failed++
      throw this.#startFailure.error
    }
    if (this.#queue.size < maxQueue + room - this.#running) return
    this.#counters.rejected++
    this.#limitLog.reached('compute.maxQueue', { code: 'COMPUTE_QUEUE_FULL' })
    throw new ShardwsError('COMPUTE_QUEUE_FULL')
  }

  /** Whether no thread may be started now. */
  get #isPaused(): boolean {
    return this.#startFailure !== null && performance.now() < this.#startFailure.untilMs
  }

  /** Gives what waits to the idle threads, and starts threads for the rest. */
  #dispatch(): void {
    while (this.#queue.size > 0) {
      const thread = this.#idle.pop()
      if (thread === undefined) break
      // One that has just exited has not been reported yet.
      if (!thread.isGone) this.#give(thread, this.#queue.take() as ComputeTask)
    }
    if (this.#options === null || this.#isClosed) return
    if (!this.#isPaused) this.#start(this.#options)
    if (this.#threads.size > 0 || this.#startFailure === null) return
    // Nobody will come for them.
    for (const task of this.#queue.takeAll()) this.#fail(task, this.#startFailure.error)
  }

  #start(options: ResolvedCompute): void {
    while (this.#starting < this.#queue.size && this.#threads.size < options.maxThreads) {
      this.#threads.add(new ComputeThread(options, this))
      this.#starting++
    }
  }

  #give(thread: ComputeThread, task: ComputeTask): void {
    const timeoutMs = this.#options?.taskTimeoutMs ?? 0
    this.#counters.waitMs.add(task.begin(timeoutMs, (late) => this.#onTimeout(late)))
    thread.run(task)
  }

  /** The thread has nothing to do. */
  #rest(thread: ComputeThread): void {
    if (this.#isClosed) {
      this.#discard(thread)
      return
    }
    this.#idle.push(thread)
    this.#dispatch()
    const idleTimeoutMs = this.#options?.idleTimeoutMs ?? 0
    if (thread.task === null && idleTimeoutMs > 0) thread.whenIdleFor(idleTimeoutMs, () => this.#onIdle(thread))
  }

  #onIdle(thread: ComputeThread): void {
    if (this.#threads.size > (this.#options?.minThreads ?? 0)) this.#discard(thread)
  }

  #onAbort(task: ComputeTask, reason: unknown): void {
    this.#counters.aborted++
    this.#giveUp(task, reason)
  }

  #onTimeout(task: ComputeTask): void {
    this.#counters.timedOut++
    this.#limitLog.reached('compute.taskTimeoutMs', { code: 'COMPUTE_TIMEOUT' })
    this.#giveUp(task, new ShardwsError('COMPUTE_TIMEOUT'))
  }

  /** Nothing stops a function that computes but the end of its thread. */
  #giveUp(task: ComputeTask, reason: unknown): void {
    this.#countRun(task)
    task.reject(reason)
    if (this.#queue.remove(task)) return
    for (const thread of this.#threads) if (thread.task === task) this.#discard(thread)
    this.#dispatch()
  }

  #refuse(task: ComputeTask): void {
    this.#counters.aborted++
    this.#countRun(task)
    task.reject(new ShardwsError('SERVER_CLOSED'))
  }

  #fail(task: ComputeTask, error: unknown): void {
    this.#counters.failed++
    this.#countRun(task)
    task.reject(error)
  }

  #countRun({ runMs }: ComputeTask): void {
    if (runMs !== null) this.#counters.runMs.add(runMs)
  }

  #discard(thread: ComputeThread): void {
    this.#threads.delete(thread)
    if (!thread.isReady) this.#starting--
    const place = this.#idle.indexOf(thread)
    if (place >= 0) this.#idle.splice(place, 1)
    const end = thread.destroy().finally(() => this.#ends.delete(end))
    this.#ends.add(end)
    if (this.#running === 0) this.#onQuiet()
  }

  /** Resolves when no task is running, or `deadline` is aborted. */
  #quiet(deadline: AbortSignal): Promise<void> {
    if (this.#running === 0 || deadline.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onQuiet = () => {
        deadline.removeEventListener('abort', this.#onQuiet)
        resolve()
      }
      deadline.addEventListener('abort', this.#onQuiet)
    })
  }
}

function describe(cause: unknown): string {
  // Of a DataCloneError Node passes on the stack only, and Node 20 an empty object.
  if (cause instanceof Error) return cause.message === '' ? `${cause.stack?.split('\n    at ', 1)}` : String(cause)
  return typeof cause === 'object' ? 'what it answered or threw cannot be copied' : String(cause)
}
