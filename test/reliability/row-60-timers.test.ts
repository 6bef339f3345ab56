import t from 'tap'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'

const CONNECTIONS = 300

t.test('row 60: no connection has a timer of its own, whatever deadlines it has', async (t) => {
  const deadlines = { pingIntervalMs: 20_000, livenessMs: 30_000, idleTimeoutMs: 40_000, maxLifetimeMs: 50_000 }
  // On this thread, so that the timers of the shard are here to be counted.
  const engine = await EngineUnderTest.start(t, { shards: 0, ...deadlines })
  await engine.joinMany(3)
  const before = timers()
  await engine.joinMany(CONNECTIONS)
  t.ok(timers() <= before, `${timers()} timers, ${before} before`)
  for (const id of engine.server.getConnections()) engine.server.send(id, 'x')
  t.ok(timers() <= before, 'nor for what is sent')
})

function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
}
