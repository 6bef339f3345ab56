import t, { type Test } from 'tap'
import { RawClient } from '../fixtures/raw-client.ts'
import { configurations } from './configurations.ts'
import { acceptedCases } from './handshake-accepted.ts'
import { type HandshakeCase, refused, withPipelined } from './handshake-case.ts'
import { httpCases } from './handshake-http.ts'
import { policies } from './handshake-policies.ts'
import { refusedCases } from './handshake-refused.ts'
import { runHandshake } from './run-handshake.ts'

const CONCURRENCY = 8

t.setTimeout(300_000)

for (const configuration of await configurations()) {
  await t.test(configuration.name, async (t) => {
    t.setTimeout(300_000)
    for (const { name, options, cases } of [
      { name: 'accepted', options: {}, cases: acceptedCases },
      { name: 'refused', options: {}, cases: refusedCases },
      { name: 'http', options: {}, cases: httpCases },
      ...policies,
    ]) {
      if (!configuration.supports(options)) continue
      await t.test(name, async (t) => {
        const server = await configuration.start(options)
        t.teardown(() => server.stop())
        await runAll(t, server.port, cases)
      })
    }

    if (!configuration.supports({ maxConnections: 1 })) return
    await t.test('over capacity', async (t) => {
      const server = await configuration.start({ maxConnections: 1 })
      t.teardown(() => server.stop())
      const only = await RawClient.connect({ port: server.port })
      t.teardown(() => only.destroy())
      await runAll(t, server.port, withPipelined([refused('H17.1', 'a second connection where one is allowed', 503)]))
      const next = await RawClient.open({ port: server.port })
      t.teardown(() => next.destroy())
      t.match(next.response.headers.get('retry-after')?.[0], /^\d+$/, 'H17.2 Retry-After in seconds')
    })

    await t.test('draining', async (t) => {
      const server = await configuration.start({ path: '/' })
      // It never answers the close frame, so the drain lasts.
      const silent = await RawClient.connect({ port: server.port })
      const stopped = server.stop()
      const late = await RawClient.open({ port: server.port })
      t.equal(late.response.status, 503, 'H17.3 refused while draining')
      t.match(late.response.headers.get('retry-after')?.[0], /^\d+$/, 'H17.4 Retry-After in seconds')
      t.match(await late.waitClosed(), { how: 'fin', closeFrameSeen: false }, 'H17.5 and closed')
      silent.destroy()
      await stopped
    })
  })
}

async function runAll(t: Test, port: number, cases: readonly HandshakeCase[]): Promise<void> {
  const lanes = Array.from({ length: CONCURRENCY }, () => Promise.resolve<unknown>(null))
  const failures = new Map<HandshakeCase, Promise<string | null>>()
  let next = 0
  for (const testCase of cases) {
    // Early frames run alone: what they lose was lost at the hand-off and not to the load of a neighbour.
    const isAlone = testCase.early !== undefined
    const before = isAlone ? Promise.all(lanes) : lanes[next % CONCURRENCY]
    const result = Promise.resolve(before).then(() => runHandshake(port, testCase))
    if (isAlone) lanes.fill(result)
    else lanes[next++ % CONCURRENCY] = result
    failures.set(testCase, result)
  }
  for (const [{ id, what }, result] of failures) {
    await t.test(`${id} ${what}`, async (t) => {
      const failure = await result
      t.equal(failure, null, failure ?? 'as the RFCs say')
    })
  }
}
