import type { AcceptorTask } from '../../src/shared/handoff/acceptor-messages.ts'
import run from '../../workers/acceptor.ts'

/** The acceptor of the engine, which is looked for beside the shard. */
export default function runAcceptor(task: AcceptorTask): Promise<void> {
  return run(task)
}
