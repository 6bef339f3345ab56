/** Documents 001 to 003: what ends a connection, and what an application is told of it. */
import { once } from 'node:events'
import t from 'tap'
import { closeBody } from '../fixtures/engine-under-test.ts'
import { v1App, v2App } from '../fixtures/nextrush-app.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'

t.test('HE04: a heartbeat by hand works beside that of the shard', async (t) => {
  const { app, clients, listen } = v1App(t, { pingInterval: 0 })
  app.ws('/', (socket) => {
    const timer = setInterval(() => {
      if (socket.readyState === socket.OPEN) socket.ping('by hand')
    }, 20)
    socket.on('close', () => clearInterval(timer))
  })
  await listen()
  const client = await clients.connect()
  for (let ping = 0; ping < 3; ping++) {
    const [payload] = await once(client.socket, 'ping')
    t.equal(String(payload), 'by hand')
  }
})

t.test('HE05: maxLifetimeMs closes with 1001; a timer of your own with what it says', async (t) => {
  const lifetime = v1App(t, { maxLifetimeMs: 100 })
  lifetime.app.ws('/', () => {})
  await lifetime.listen()
  t.match(await (await lifetime.clients.connect()).closed, { code: 1001 })
  t.equal(lifetime.app.getWebSocketStats().timeouts.lifetime, 1)

  const { app, clients, listen } = v1App(t)
  app.ws('/', (socket) => {
    const timer = setTimeout(() => socket.close(1000, 'Connection timeout'), 50)
    socket.on('close', () => clearTimeout(timer))
  })
  await listen()
  t.same(await (await clients.connect()).closed, { code: 1000, reason: 'Connection timeout' })
})

t.test('HE06 EV07: an error has a code, and to send in its listener is allowed', async (t) => {
  const { app, clients, listen } = v1App(t)
  const told: unknown[] = []
  const closed = new Promise<void>((resolve) => {
    app.ws('/', (socket) => {
      socket.on('error', (error) => {
        const { code } = error as Error & { code?: string }
        told.push(code, typeof socket.send(JSON.stringify({ type: 'error', code })))
      })
      socket.on('close', () => resolve())
    })
  })
  await listen()
  const client = await clients.raw()
  client.sendFrame({ opcode: RawOpcode.Text, payload: Buffer.from([0xff]) })
  t.match(await client.waitClosed(), { closeCode: 1007 })
  await closed
  t.same(told, ['INVALID_UTF8', 'boolean'])
})

t.test('LC20 RO18: a connection that is gone leaves its rooms and counts, also when its shard dies', async (t) => {
  const { app, clients, plugin, listen } = v2App(t)
  const closes: unknown[] = []
  app.ws('/', (socket) => {
    socket.join('general')
    socket.onClose((code) => closes.push([code, app.server.listening && plugin.rooms.size('general')]))
    socket.send('open')
  })
  await listen()
  const [leaving, vanishing] = [await clients.connect(), await clients.connect()]
  for (const client of [leaving, vanishing]) await client.nextText()
  t.equal(plugin.rooms.size('general'), 2)
  await leaving.close(1000)
  while (closes.length < 1) await new Promise(setImmediate)
  vanishing.socket.terminate()
  while (closes.length < 2) await new Promise(setImmediate)
  t.same(closes, [
    [1000, 1],
    [1006, 0],
  ])
  t.match(plugin.getStats(), { connections: 0, memberships: 0 })
})

t.test('SH01 SH07: close tells every handler, and nothing is left', async (t) => {
  const { app, clients, plugin, listen } = v2App(t)
  const cleaned: unknown[] = []
  app.ws('/', (socket) => {
    socket.onClose((code, reason) => cleaned.push([code, reason]))
    socket.send('open')
  })
  await listen()
  const all = await Promise.all(Array.from({ length: 3 }, () => clients.connect()))
  for (const client of all) await client.nextText()
  const report = await plugin.close({ code: 1012, reason: 'restart' })
  t.match(report, { closed: 3, terminated: 0 })
  for (const client of all) t.same(await client.closed, { code: 1012, reason: 'restart' })
  t.same(cleaned, Array(3).fill([1012, 'restart']))
  t.equal(await clients.statusOf('/'), 404, 'and the HTTP server goes on without it')
})

t.test('F209: the list of the overview, through the plugin', async (t) => {
  const { app, clients, listen } = v2App(t, { maxMessageSize: 100 })
  app.ws('/ws', (socket) => {
    socket.onMessage((message, isBinary) => socket.send(message, isBinary))
  })
  await listen()
  for (const headers of [
    { 'Sec-WebSocket-Key': 'test' },
    { 'Sec-WebSocket-Key': null },
    { 'Sec-WebSocket-Key': ['dGhlIHNhbXBsZSBub25jZQ==', 'dGhlIHNhbXBsZSBub25jZQ=='] },
  ]) {
    t.equal(await clients.statusOf('/ws', headers as Record<string, string>), 400, JSON.stringify(headers))
  }
  const version = await clients.raw({ path: '/ws', headers: { 'Sec-WebSocket-Version': '8' } })
  t.equal(version.response.status, 426)
  t.same(version.response.headers.get('sec-websocket-version'), ['13'])
  const handshake = await clients.raw({ path: '/ws', headers: { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' } })
  t.same(handshake.response.headers.get('sec-websocket-accept'), ['s3pPLMBiTxaQ9kYGzzhZRbK+xOo='])

  const client = await clients.raw({ path: '/ws' })
  client.sendFrame({ opcode: RawOpcode.Text, payload: 'te', fin: false })
  client.sendFrame({ opcode: RawOpcode.Ping, payload: 'p' })
  client.sendFrame({ opcode: RawOpcode.Continuation, payload: 'xt' })
  const pong = await client.nextControl()
  t.same([pong.opcode, `${pong.payload}`], [RawOpcode.Pong, 'p'])
  t.same(await client.nextMessage(), { opcode: RawOpcode.Text, payload: Buffer.from('text') })
  client.sendFrame({ opcode: RawOpcode.Binary, payload: Buffer.from([1, 2]) })
  t.same(await client.nextMessage(), { opcode: RawOpcode.Binary, payload: Buffer.from([1, 2]) })
  client.sendFrame({ opcode: RawOpcode.Close, payload: closeBody(4000, 'bye') })
  t.match(await client.waitClosed(), { closeCode: 4000, framesAfterClose: 0 })

  for (const [frame, code] of [
    [{ opcode: 3, payload: '' }, 1002],
    [{ opcode: RawOpcode.Text, payload: Buffer.from([0xc3, 0x28]) }, 1007],
    [{ opcode: RawOpcode.Binary, payload: Buffer.alloc(101) }, 1009],
  ] as const) {
    const breaking = await clients.raw({ path: '/ws' })
    breaking.sendFrame(frame)
    const { closeCode, reason } = await breaking.waitClosed()
    t.equal(closeCode, code)
    t.not(reason, '')
  }
})
