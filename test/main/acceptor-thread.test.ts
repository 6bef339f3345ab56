import t from 'tap'
import { AcceptorThread } from '../../src/main/acceptor-thread.ts'
import { Counters } from '../../src/shared/counters.ts'
import { supports } from '../../src/shared/handoff/probe.ts'

const SETUP = {
  strategy: (await supports('transfer')) ? 'transfer' : 'descriptor',
  counters: Counters.allocate(1).memory,
  placement: 'round-robin',
  maxWaiting: 1,
  maxWaitMs: 100,
} as const

function threadAt(module: string): { readonly acceptor: AcceptorThread; readonly errors: Error[] } {
  const errors: Error[] = []
  const options = { url: new URL(module, import.meta.url), execArgv: [], resourceLimits: {} }
  const observer = { onTurnedAway() {}, onError: (error: Error) => void errors.push(error) }
  return { acceptor: new AcceptorThread(options, SETUP, observer), errors }
}

t.test('an acceptor whose thread ends says so, to whoever waits', async (t) => {
  const { acceptor, errors } = threadAt('../fixtures/handlers/throws-at-import.handler.js')
  await t.rejects(acceptor.listen(0, '127.0.0.1'), { code: 'ACCEPTOR_FAILED', cause: { message: 'no database' } })
  t.match(await acceptor.failed, { code: 'ACCEPTOR_FAILED' })
  t.same(errors, [])
  await acceptor.close()
})

t.test('one that is closed has not failed', async (t) => {
  const { acceptor, errors } = threadAt('../../workers/acceptor.js')
  const { port } = await acceptor.listen(0, '127.0.0.1')
  t.ok(port > 0)
  const other = threadAt('../../workers/acceptor.js')
  await t.rejects(other.acceptor.listen(port, '127.0.0.1'), { code: 'EADDRINUSE' })
  await other.acceptor.close()
  await acceptor.close()
  t.same([...errors, ...other.errors], [])
})
