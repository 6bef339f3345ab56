import t from 'tap'
import { RawClient } from '../fixtures/raw-client.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'
import { SpawnedServer } from './spawned-server.ts'

const CLIENTS = 40
const FAREWELLS = 50

/** What a connection got until its close frame, which it answers. */
async function heardUntilClose(client: RawClient): Promise<{ texts: string[]; close: string }> {
  const texts: string[] = []
  for (;;) {
    const { opcode, payload } = await client.nextFrame()
    if (opcode === RawOpcode.Text) texts.push(payload.toString())
    if (opcode !== RawOpcode.Close) continue
    client.sendFrame({ opcode: RawOpcode.Close, payload: payload.subarray(0, 2) })
    return { texts, close: `${payload.readUInt16BE()} ${payload.toString('utf8', 2)}` }
  }
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(
    `row 16: ${signal} under load: everything queued arrives, everyone is closed, the process ends by itself`,
    async (t) => {
      const handleSignals = { code: 1012, reason: 'restart', notice: 'notice', graceMs: 50, drainMs: 300 }
      const server = new SpawnedServer(t, { handleSignals })
      const { port = 0 } = await server.told()
      const clients = await Promise.all(Array.from({ length: CLIENTS }, () => RawClient.connect({ port })))
      const talking = setInterval(() => {
        for (const client of clients) client.sendFrame({ opcode: RawOpcode.Text, payload: 'load' })
      }, 5)
      t.teardown(() => clearInterval(talking))
      const ends = clients.map(heardUntilClose)
      // A connection is counted when main has heard of it: its first echo says so.
      await Promise.all(clients.map((client) => client.nextMessage()))
      server.child.kill(signal)
      const all = Array.from({ length: FAREWELLS }, (_, i) => `${i}`)
      for (const { texts, close } of await Promise.all(ends)) {
        const own = texts.filter((text) => text !== 'load')
        t.same(own, [...all, 'notice'])
        t.equal(close, '1012 restart')
      }
      clearInterval(talking)
      t.same(await server.told(), { draining: CLIENTS })
      const { report, listeners } = await server.told()
      t.match(report, { connections: CLIENTS, closed: CLIENTS, terminated: 0, wasForced: false, zombies: 0 })
      t.equal(listeners, 0, 'a further signal would end the process')
      t.same(await server.ended, [0, null])
    },
  )
}

t.test('SH05: the first signal is polite, the second one destroys', async (t) => {
  // Longer than any test.
  const server = new SpawnedServer(t, { handleSignals: { graceMs: 600_000 } })
  const { port = 0 } = await server.told()
  const clients = await Promise.all(Array.from({ length: 4 }, () => RawClient.connect({ port })))
  for (const client of clients) {
    client.sendFrame({ opcode: RawOpcode.Text, payload: 'here' })
    t.equal((await client.nextMessage()).payload.toString(), 'here')
  }
  server.child.kill('SIGTERM')
  t.same(await server.told(), { draining: 4 })
  for (const client of clients) while ((await client.nextMessage()).payload.toString() !== `${FAREWELLS - 1}`);
  server.child.kill('SIGINT')
  for (const client of clients) t.match(await client.waitClosed(), { closeFrameSeen: false })
  const { report, listeners } = await server.told()
  t.match(report, { connections: 4, closed: 0, terminated: 4, wasForced: true })
  t.equal(listeners, 0)
  t.same(await server.ended, [0, null])
})

t.test('SH05: without handleSignals a signal ends the process as ever', async (t) => {
  const server = new SpawnedServer(t, {})
  await server.told()
  server.child.kill('SIGTERM')
  t.same(await server.ended, [null, 'SIGTERM'])
})
