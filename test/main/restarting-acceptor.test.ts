import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { AcceptorThread } from '../../src/main/acceptor-thread.ts'
import { RestartingAcceptor } from '../../src/main/restarting-acceptor.ts'
import { ShardwsError } from '../../src/shared/errors.ts'
import { deferred } from '../fixtures/deferred.ts'

/** One life: it listens unless `refusal` is given. */
class FakeThread {
  readonly died = deferred<ShardwsError>()
  readonly failed = this.died.promise
  readonly calls: string[] = []
  readonly #refusal: Error | undefined

  constructor(refusal: Error | undefined) {
    this.#refusal = refusal
  }

  async listen(port: number, host: string): Promise<{ port: number }> {
    this.calls.push(`listen ${port} ${host}`)
    if (this.#refusal !== undefined) throw this.#refusal
    return { port: port === 0 ? 4711 : port }
  }

  stopListening(): void {
    this.calls.push('stopListening')
  }

  async close(): Promise<void> {
    this.calls.push('close')
  }

  die(): void {
    this.died.resolve(new ShardwsError('ACCEPTOR_FAILED'))
  }
}

mock.timers.enable({ apis: ['setTimeout'] })
t.teardown(() => mock.timers.reset())

async function listening(refusals: readonly (Error | undefined)[]) {
  const threads: FakeThread[] = []
  const told: string[] = []
  const create = (): AcceptorThread => {
    const thread = new FakeThread(refusals[threads.length])
    threads.push(thread)
    return thread as unknown as AcceptorThread
  }
  const acceptor = new RestartingAcceptor(create, {
    onReplaced: () => told.push('replaced'),
    onExited: (error) => told.push(`exited: ${(error as ShardwsError).code} ${(error.cause as Error)?.message ?? ''}`),
    onDegraded: () => told.push('degraded'),
    onStarted: (port) => told.push(`started ${port}`),
  })
  await acceptor.listen(0, '127.0.0.1')
  return { acceptor, threads, told }
}

t.test('the next one listens where the first one did, after that one is gone', async (t) => {
  const { acceptor, threads, told } = await listening([])
  t.equal(acceptor.state, 'listening')
  threads[0]?.die()
  await turn()
  t.same(threads[0]?.calls, ['listen 0 127.0.0.1', 'close'])
  t.same(threads[1]?.calls, ['listen 4711 127.0.0.1'])
  t.same(told, ['exited: ACCEPTOR_FAILED ', 'replaced', 'started 4711'])
  t.equal(acceptor.state, 'listening')
})

t.test('one that cannot listen counts as a death; after the fourth it is tried again after 30 s', async (t) => {
  const taken = new Error('EADDRINUSE')
  const { acceptor, threads, told } = await listening([undefined, taken, taken, taken])
  threads[0]?.die()
  await turn()
  t.equal(threads.length, 4)
  t.equal(acceptor.state, 'degraded')
  t.same(told.at(-2), 'exited: ACCEPTOR_FAILED EADDRINUSE')
  t.same(told.at(-1), 'degraded')
  mock.timers.tick(29_999)
  await turn()
  t.equal(threads.length, 4)
  mock.timers.tick(1)
  await turn()
  t.equal(acceptor.state, 'listening')
  t.same(told.slice(-2), ['replaced', 'started 4711'])
})

t.test('nobody follows one that was closed, whether it was about to or waited', async (t) => {
  const { acceptor, threads } = await listening([])
  threads[0]?.die()
  await acceptor.close()
  t.equal(threads.length, 1)
  const other = await listening([undefined, new Error('1'), new Error('2'), new Error('3')])
  other.threads[0]?.die()
  await turn()
  await other.acceptor.close()
  mock.timers.tick(30_000)
  await turn()
  t.equal(other.threads.length, 4)
})
