import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import t from 'tap'
import { WebSocketServer } from '../../src/index.ts'
import { RawClient } from '../fixtures/raw-client.ts'

t.test('row 72: listen rejects with the reason of the system, and may be called again', async (t) => {
  const stranger = createServer()
  t.teardown(() => stranger.close())
  await once(stranger.listen(0, '127.0.0.1'), 'listening')
  const { port: taken } = stranger.address() as AddressInfo
  const server = new WebSocketServer({ shards: 1, execArgv: [] })
  t.teardown(() => server.shutdown({ deadlineMs: 0 }))
  await t.rejects(server.listen(taken, '127.0.0.1'), { code: 'EADDRINUSE' })
  // TEST-NET-1: no interface has it.
  await t.rejects(server.listen(0, '192.0.2.1'), { code: 'EADDRNOTAVAIL' })
  t.equal(server.address(), null)
  stranger.close()
  await once(stranger, 'close')
  t.equal((await server.listen(taken, '127.0.0.1')).port, taken, 'as soon as the port is free')
  t.equal((await RawClient.connect({ port: taken })).response.status, 101)
})

t.test('row 72: a server takes over the port of one that has closed its connections itself', async (t) => {
  let port = 0
  for (let life = 0; life < 3; life++) {
    const server = new WebSocketServer({ shards: 1, execArgv: [] })
    const address = await server.listen(port, '127.0.0.1')
    port = address.port
    const clients = await Promise.all(Array.from({ length: 5 }, () => RawClient.connect({ port })))
    // Who closes first keeps the port in TIME_WAIT.
    await server.shutdown({ deadlineMs: 0 })
    for (const client of clients) await client.waitClosed()
    for (const client of clients) client.destroy()
  }
  t.ok(port > 0)
})
