import { performance } from 'node:perf_hooks'
import type { Transferable } from 'node:worker_threads'
import { ShardwsError } from '../shared/errors.ts'

export interface ComputeRunOptions {
  /** Gives the task up: the promise rejects with the signal's reason, and a thread that is running the task is ended. */
  readonly signal?: AbortSignal
  /** What the task hands over instead of copying it, as in `MessagePort.postMessage`. */
  readonly transferList?: readonly Transferable[]
  /** The export of the module to call. Default: its default export. */
  readonly name?: string
}

/** One call of `run`, from its beginning to its answer. */
export class ComputeTask {
  readonly value: unknown
  readonly options: ComputeRunOptions
  readonly result: Promise<unknown>
  /** Its place in the queue. */
  ticket = 0
  readonly #madeMs = performance.now()
  readonly #onAbort: () => void
  #begunMs: number | null = null
  #deadline: NodeJS.Timeout | undefined
  #isSettled = false
  #resolve!: (result: unknown) => void
  #reject!: (reason: unknown) => void

  /** @param abort called at most once, when `options.signal` aborts it before its answer. */
  constructor(value: unknown, options: ComputeRunOptions, abort: (task: ComputeTask, reason: unknown) => void) {
    this.value = value
    this.options = options
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#onAbort = () => abort(this, options.signal?.reason)
    options.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  /** A thread takes it. Returns the milliseconds that it has waited; it may run for `timeoutMs`, 0 = unlimited. */
  begin(timeoutMs: number, onTimeout: (task: ComputeTask) => void): number {
    this.#begunMs = performance.now()
    if (timeoutMs > 0) this.#deadline = setTimeout(onTimeout, timeoutMs, this)
    return this.#begunMs - this.#madeMs
  }

  resolve(result: unknown): void {
    this.#settle()
    this.#resolve(result)
  }

  reject(reason: unknown): void {
    this.#settle()
    this.#reject(reason)
  }

  /** Milliseconds since it began; null if it has not. */
  get runMs(): number | null {
    return this.#begunMs === null ? null : performance.now() - this.#begunMs
  }

  #settle(): void {
    this.#isSettled = true
    clearTimeout(this.#deadline)
    // The signal may be one of many tasks and outlive them all.
    this.options.signal?.removeEventListener('abort', this.#onAbort)
  }
}

/** @throws ShardwsError ARGUMENT_INVALID */
export function assertRunOptions(options: ComputeRunOptions): void {
  if (typeof options !== 'object' || options === null) throw badArgument('options', 'an object')
  const { signal, transferList, name } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw badArgument('options.signal', 'an AbortSignal')
  if (transferList !== undefined && !Array.isArray(transferList)) throw badArgument('options.transferList', 'an array')
  if (name !== undefined && typeof name !== 'string') throw badArgument('options.name', 'a string')
}

function badArgument(name: string, expected: string): ShardwsError {
  return new ShardwsError('ARGUMENT_INVALID', `${name} must be ${expected}`)
}
