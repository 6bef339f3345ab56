import { Piscina } from 'piscina'
import type { ResolvedCompute } from './compute-options.ts'
import type { ComputeTask } from './compute-task.ts'

export interface ComputeThreadObserver {
  /** The module is loaded: it can take its first task. */
  onReady(thread: ComputeThread): void
  onCompleted(thread: ComputeThread, task: ComputeTask, result: unknown): void
  /** The task threw or could not be copied; the thread goes on. */
  onFailed(thread: ComputeThread, task: ComputeTask, error: unknown): void
  /** The thread has ended by itself, or cannot start. Called at most once, and nothing else after it. */
  onEnded(thread: ComputeThread, cause: unknown): void
}

/**
 * One thread, which has one task at a time. It is a piscina pool of its own: where several threads share one, a module that
 * fails while it loads leaves the pool without threads and its tasks pending for ever, and so do an aborted or a crashed task
 * those behind it, without a word about which they were.
 */
export class ComputeThread {
  readonly #pool: Piscina
  readonly #observer: ComputeThreadObserver
  readonly #startDeadline: NodeJS.Timeout
  #idleDeadline: NodeJS.Timeout | undefined
  #task: ComputeTask | null = null
  #isReady = false
  #isGone = false
  #hasEnded = false

  /** Starts it. */
  constructor(options: ResolvedCompute, observer: ComputeThreadObserver) {
    const { filename, startTimeoutMs, execArgv, resourceLimits } = options
    this.#observer = observer
    this.#pool = new Piscina({
      filename: filename.href,
      // After a death no thread is started that nobody asked for.
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      // Otherwise an idle thread would block its event loop in Atomics.wait, and what a task left behind with it.
      atomics: 'disabled',
      recordTiming: false,
      ...(execArgv === undefined ? {} : { execArgv: [...execArgv] }),
      ...(resourceLimits === undefined ? {} : { resourceLimits }),
    })
    const late = new Error(`the module was not loaded within ${startTimeoutMs} ms`)
    this.#startDeadline = setTimeout(() => this.#end(late), startTimeoutMs)
    // In a turn of its own: the event comes before piscina itself knows that the thread can take a task.
    this.#pool.once('workerCreate', () => queueMicrotask(() => this.#onReady()))
    this.#pool.on('error', (cause) => this.#end(cause))
    this.#pool.on('workerDestroy', () => this.#onDestroyed())
    this.#start()
  }

  /** What it is working on. */
  get task(): ComputeTask | null {
    return this.#task
  }

  /** Whether it has loaded the module. */
  get isReady(): boolean {
    return this.#isReady
  }

  /** Whether nothing can be given to it any more. */
  get isGone(): boolean {
    return this.#isGone
  }

  /** To be called when it is ready and has no other task. */
  run(task: ComputeTask): void {
    const { transferList, name } = task.options
    clearTimeout(this.#idleDeadline)
    this.#task = task
    const running: Promise<unknown> = this.#pool.run(task.value, {
      ...(transferList === undefined ? {} : { transferList: [...transferList] as never }),
      ...(name === undefined ? {} : { name }),
    })
    running.then(
      (result) => {
        if (this.#hasEnded) return
        this.#task = null
        this.#observer.onCompleted(this, task, result)
      },
      (error) => {
        if (this.#isGone) {
          this.#end(error)
          return
        }
        this.#task = null
        this.#observer.onFailed(this, task, error)
      },
    )
  }

  /** Calls back once, unless a task comes before. Keeps no process alive. */
  whenIdleFor(ms: number, callback: () => void): void {
    this.#idleDeadline = setTimeout(callback, ms).unref()
  }

  /** Ends the thread, whatever it is doing, without another call of the observer. Resolves when it is gone. */
  async destroy(): Promise<void> {
    this.#close()
    await this.#pool.destroy()
  }

  /** piscina starts a thread for a task only: for one that is taken back at once. */
  #start(): void {
    const recall = new AbortController()
    try {
      this.#pool.run(undefined, { signal: recall.signal }).catch(() => {})
      recall.abort()
    } catch (cause) {
      // Before the observer knows this thread nothing must be said of it.
      setImmediate(() => this.#end(cause))
    }
  }

  #onReady(): void {
    if (this.#isGone) return
    this.#isReady = true
    clearTimeout(this.#startDeadline)
    this.#observer.onReady(this)
  }

  /** Of a thread that exits without a task piscina says nothing else; of one that throws, the cause comes first. */
  #onDestroyed(): void {
    this.#isGone = true
    setImmediate(() => this.#end(new Error('the thread exited')))
  }

  #end(cause: unknown): void {
    if (this.#hasEnded) return
    this.#close()
    this.#observer.onEnded(this, cause)
  }

  #close(): void {
    this.#isGone = true
    this.#hasEnded = true
    clearTimeout(this.#startDeadline)
    clearTimeout(this.#idleDeadline)
  }
}
