import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { WebSocketServerOptions } from '../../src/index.ts'
import { CERTIFICATE } from '../fixtures/certificate.ts'
import { EngineUnderTest } from '../fixtures/engine-under-test.ts'
import { moduleOf } from '../fixtures/handlers/ways.ts'
import { MessageClient } from '../fixtures/message-client.ts'
import { converse, ECHOES } from './entrances/conversation.ts'

/** More than a relay's window in both directions. */
const LARGE_BYTES = 900 * 1024

interface Attached {
  readonly engine: EngineUnderTest
  readonly join: (protocols?: readonly string[]) => Promise<MessageClient>
}

async function attached(t: Test, options: WebSocketServerOptions): Promise<Attached> {
  const engine = new EngineUnderTest({ shards: 2, ...options })
  const server = createServer(CERTIFICATE)
  engine.server.attach(server)
  server.listen(0, '127.0.0.1')
  await Promise.all([once(server, 'listening'), engine.server.ready()])
  t.teardown(async () => {
    await engine.stop()
    server.close()
    server.closeAllConnections()
  })
  const url = `wss://localhost:${(server.address() as AddressInfo).port}/`
  const trusting = { ca: CERTIFICATE.cert, host: '127.0.0.1' }
  return { engine, join: (protocols = []) => MessageClient.connect(url, protocols, trusting) }
}

for (const [where, handler] of ECHOES) {
  t.test(`an attached https.Server, a handler ${where}: messages, large ones, both ways to close`, async (t) => {
    const { engine, join } = await attached(t, { handler, compression: true, protocols: ['v1'] })
    const client = await join(['v1'])
    t.equal(client.socket.protocol, 'v1')
    await converse(t, engine, { client, join, largeBytes: LARGE_BYTES })
  })
}

t.test('an attached https.Server: a shard dies, its clients see it, others do not', async (t) => {
  const { engine, join } = await attached(t, { handler: moduleOf('mortal'), placement: 'round-robin' })
  const [mortal, other] = [await join(), await join()]
  mortal.socket.send('die')
  t.equal((await mortal.closed).code, 1006)
  other.socket.send('room')
  t.equal(await other.nextText(), 'true')
  const next = await join()
  next.socket.send('room')
  t.equal(await next.nextText(), 'true')
  t.equal(engine.server.stats().shardDeaths, 1)
})

t.test('an attached https.Server: its TLS stays on main, so its connections move', async (t) => {
  const { engine, join } = await attached(t, { handler: moduleOf('moving') })
  const client = await join()
  client.socket.send('hi')
  t.equal(await client.nextText(), 'hi')
  t.match(await engine.server.reload(), { moved: 1, closed: 0 })
  client.socket.send('who')
  t.match(await client.nextJson(), { data: { seen: 2 }, moves: 1 })
})
