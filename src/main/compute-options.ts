import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { ResourceLimits } from 'node:worker_threads'
import { ShardwsError } from '../shared/errors.ts'
import { type Check, checkOptions, integer, isObject } from './option-checks.ts'

const LONGEST_MS = 2 ** 31 - 1
const MAX_THREADS = 256

/** `compute`: threads for work that would keep main or a shard busy. They start when they are first needed. */
export interface ComputeOptions {
  /** The module, a `file:` URL. Its default export is called with each task, or the export that `name` says. */
  readonly filename: URL
  /** Threads at most, 1 to 256. Default: the cores. */
  readonly maxThreads?: number
  /** Threads that stay however long they are idle, 0 to `maxThreads`. Default 0. */
  readonly minThreads?: number
  /** Tasks that wait for a thread, 0 to 1000000; one more is COMPUTE_QUEUE_FULL. Default 1000. */
  readonly maxQueue?: number
  /** Milliseconds without a task after which a thread ends, 0 to 2^31 - 1; 0 = never. Default 30000. */
  readonly idleTimeoutMs?: number
  /**
   * Milliseconds that a task may run, 0 to 2^31 - 1; then its thread is ended and it is COMPUTE_TIMEOUT. Neither waiting nor
   * the start of a thread counts. 0 = unlimited. Default 0.
   */
  readonly taskTimeoutMs?: number
  /** Milliseconds in which a thread must have loaded the module, 100 to 600000. Default 30000. */
  readonly startTimeoutMs?: number
  /** Heap limits of one thread, as for `worker_threads.Worker`. Default: Node's. */
  readonly resourceLimits?: ResourceLimits
}

export interface ResolvedCompute extends Required<Omit<ComputeOptions, 'resourceLimits'>> {
  readonly resourceLimits: ResourceLimits | undefined
  /** Node options of the threads, those of the shards. */
  readonly execArgv: readonly string[] | undefined
}

const COMPUTE_CHECKS: Readonly<Record<keyof ComputeOptions, Check>> = {
  filename: (value) => (value instanceof URL && value.protocol === 'file:' ? null : 'a file: URL'),
  maxThreads: integer(1, MAX_THREADS),
  minThreads: integer(0, MAX_THREADS),
  maxQueue: integer(0, 1_000_000),
  idleTimeoutMs: integer(0, LONGEST_MS),
  taskTimeoutMs: integer(0, LONGEST_MS),
  startTimeoutMs: integer(100, 600_000),
  resourceLimits: isObject('an object'),
}

/** @throws ShardwsError OPTION_UNKNOWN, OPTION_INVALID */
export function resolveCompute(
  given: ComputeOptions | undefined,
  execArgv: readonly string[] | undefined,
): ResolvedCompute | null {
  if (given === undefined) return null
  checkOptions('options.compute', COMPUTE_CHECKS, given)
  const { filename, maxThreads = Math.max(availableParallelism(), given.minThreads ?? 0), minThreads = 0 } = given
  if (filename === undefined) throw invalid('options.compute.filename is missing: the URL of the module that computes')
  // Otherwise the first task would tell, perhaps at night.
  if (!existsSync(filename)) throw invalid(`options.compute.filename must be an existing file, got ${filename}`)
  if (minThreads > maxThreads) {
    throw invalid(`options.compute.minThreads must be at most options.compute.maxThreads, which is ${maxThreads}`)
  }
  return {
    filename,
    maxThreads,
    minThreads,
    maxQueue: given.maxQueue ?? 1000,
    idleTimeoutMs: given.idleTimeoutMs ?? 30_000,
    taskTimeoutMs: given.taskTimeoutMs ?? 0,
    startTimeoutMs: given.startTimeoutMs ?? 30_000,
    resourceLimits: given.resourceLimits,
    execArgv,
  }
}

function invalid(message: string): ShardwsError {
  return new ShardwsError('OPTION_INVALID', message)
}
