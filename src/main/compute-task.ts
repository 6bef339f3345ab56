import { performance } from 'node:perf_hooks'
import type { Transferable } from 'node:worker_threads'
import { ShardwsError } from '../shared/errors.ts'
import type { AbortGroups } from './abort-groups.ts'

/** How one task of `compute.run` is to be done. */
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
  readonly #signals: AbortGroups<ComputeTask>
  #begunMs: number | null = null
  #deadline: NodeJS.Timeout | undefined
  #resolve!: (result: unknown) => void
  #reject!: (reason: unknown) => void

  /** Until its answer it is among the members of its signal. */
  constructor(value: unknown, options: ComputeRunOptions, signals: AbortGroups<ComputeTask>) {
    this.value = value
    this.options = options
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#signals = signals
    if (options.signal !== undefined) signals.add(options.signal, this)
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
    clearTimeout(this.#deadline)
    if (this.options.signal !== undefined) this.#signals.remove(this.options.signal, this)
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
