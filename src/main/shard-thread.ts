import type { ResourceLimits } from 'node:worker_threads'
import { Piscina } from 'piscina'
import type { AcceptorTask } from '../shared/handoff/acceptor-messages.ts'
import type { ShardTask } from '../shared/messages.ts'

export interface ShardThreadOptions {
  readonly url: URL
  readonly execArgv: readonly string[] | undefined
  readonly resourceLimits: ResourceLimits
}

/** Something that runs one endless task, a shard's or the acceptor's. */
export interface ShardThread {
  /** Settles when the task has ended: fulfilled after a stop, rejected with the cause of a death. */
  readonly ended: Promise<void>
  /** Ends the thread whatever it is doing. Resolves when it is gone; never waits for a task to finish. */
  destroy(): Promise<void>
}

/**
 * A shard is one piscina task that never finishes. A pool of its own for each, because a worker that
 * fails at import takes its whole pool with it, and because a pool with `maxQueue: 0` still queues.
 */
export function startThread(task: ShardTask | AcceptorTask, options: ShardThreadOptions): ShardThread {
  const pool = new Piscina({
    filename: options.url.href,
    // Started by the task; and after a death nothing is started that the supervisor did not ask for.
    minThreads: 0,
    maxThreads: 1,
    idleTimeout: Number.POSITIVE_INFINITY,
    // Otherwise an idle worker would block its event loop in Atomics.wait.
    atomics: 'disabled',
    recordTiming: false,
    ...(options.execArgv === undefined ? {} : { execArgv: [...options.execArgv] }),
    resourceLimits: options.resourceLimits,
  })
  // A worker that dies outside its task is reported here, and without a listener it would end the process.
  const crashed = new Promise<never>((_, reject) => pool.once('error', reject))
  const ran: Promise<void> = pool.run(task, { transferList: [task.port] })
  // The pool forgets a thread at its error, which comes before its end.
  const [worker] = pool.threads
  const gone = new Promise<void>((resolve) => {
    if (worker === undefined) resolve()
    else worker.once('exit', () => resolve())
  })
  return {
    ended: Promise.race([ran, crashed]),
    destroy: async () => {
      await pool.destroy()
      await gone
    },
  }
}

/** `shards: 0`: the same code on this thread. */
export function startInProcess(task: ShardTask, url: URL): ShardThread {
  const ended = import(url.href).then((module: { default: (task: ShardTask) => Promise<void> }) => module.default(task))
  return { ended, destroy: () => Promise.resolve() }
}
