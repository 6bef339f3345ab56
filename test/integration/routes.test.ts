import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket as TcpSocket } from 'node:net'
import t from 'tap'
import { type Socket, WebSocketServer } from '../../src/index.ts'
import { EngineUnderTest, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { RawClient } from '../fixtures/raw-client.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'
import { upgradeRequest } from '../fixtures/raw-request.ts'

const CONFIGURATIONS = [0, 2].map((shards) => ({ shards }))

for (const options of CONFIGURATIONS) {
  const name = `shards: ${options.shards}`

  t.test(`RT02 RT03 RT05 RT10 RT13 CO14 EV15 LC11 a function gets the socket and its request: ${name}`, async (t) => {
    const engine = await EngineUnderTest.start(t, options)
    engine.server.route('/rooms/:roomId', (socket, request) => {
      const { params, query, path, ip, url } = request
      socket.send(JSON.stringify({ params, query, path, ip, url, agent: request.headers['user-agent'] }))
      if (socket.params.roomId !== params.roomId || socket.ip !== ip) t.fail('the socket says otherwise')
    })
    const url = '/rooms/a%2Fb?userId=7&x=%26'
    const { client, peer } = await engine.join({ path: url, headers: { 'User-Agent': 'test' } })
    t.same(JSON.parse(await nextText(client)), {
      params: { roomId: 'a/b' },
      query: { userId: '7', x: '&' },
      path: '/rooms/a%2Fb',
      ip: '127.0.0.1',
      url,
      agent: 'test',
    })
    t.match(peer, { path: '/rooms/a%2Fb', url, readyState: 1 })
    t.equal(engine.journal.connections.length, 1, 'the server tells of it all the same')
  })

  t.test(`RT04 RT06 RT07 RT08 RT09 each path by its own handler: ${name}`, async (t) => {
    const engine = await EngineUnderTest.start(t, options)
    const { server } = engine
    const answer = (route: string) => (socket: Socket) => void socket.send(`${route} ${JSON.stringify(socket.params)}`)
    server.route('/chat/*', answer('wildcard'))
    server.route('/games/:gameId/players/:playerId', answer('game'))
    server.route(['/ws', '/notifications'], answer('several'))
    server.route('/chat/:room', answer('room'))
    server.route('/chat/lobby', answer('lobby'))
    for (const [path, expected] of [
      ['/chat/lobby', 'lobby {}'],
      ['/chat/a', 'room {"room":"a"}'],
      ['/chat/a/b', 'wildcard {"*":"a/b"}'],
      ['/games/1/players/2', 'game {"gameId":"1","playerId":"2"}'],
      ['/ws', 'several {}'],
      ['/notifications?x', 'several {}'],
    ] as const) {
      const { client } = await engine.join({ path })
      t.equal(await nextText(client), expected)
    }
    t.equal(engine.journal.connections.length, 6)
  })

  t.test(`RT01 LC07 without a route every path is taken, with one the others get 404: ${name}`, async (t) => {
    const engine = await EngineUnderTest.start(t, options)
    for (const path of ['/', '/any/path']) t.equal(await engine.statusOf({ path }), 101)
    engine.server.route('/chat', { message() {} }).route('/rooms/:room', { message() {} })
    const table = {
      '/chat': 101,
      '/chat?x=1': 101,
      '/rooms/1': 101,
      '/': 404,
      '/Chat': 404,
      '/chat/': 404,
      '/chatx': 404,
      '/rooms': 404,
      '/rooms/': 404,
      '/rooms/1/2': 404,
      '/rooms/%zz': 404,
      '/%2e%2e/chat': 404,
      '/../chat': 404,
    }
    for (const [path, status] of Object.entries(table)) t.equal(await engine.statusOf({ path }), status, path)
    const refused = Object.values(table).filter((status) => status === 404).length
    t.same(engine.server.stats().rejected.reasons, { PATH_NOT_FOUND: refused })
    engine.server.route('*', { message() {} })
    t.equal(await engine.statusOf({ path: '/' }), 101, 'routes may be added while it listens')
  })

  t.test(`RT12 plain HTTP gets 426, with routes too: ${name}`, async (t) => {
    const engine = await EngineUnderTest.start(t, options)
    engine.server.route('/chat', () => {})
    for (const path of ['/chat', '/other']) {
      const response = await fetch(`http://127.0.0.1:${engine.port}${path}`)
      t.equal(response.status, 426)
      t.equal(response.headers.get('upgrade'), 'websocket')
    }
  })

  t.test(`EV15 EV16 EV17 EV18 EV20 FV02 CO42 a handler object hears all of its connection: ${name}`, async (t) => {
    const engine = await EngineUnderTest.start(t, {
      ...options,
      maxPayload: 2 * 1024 * 1024,
      maxBackpressure: 1024 * 1024,
    })
    const told: unknown[] = []
    const handler = {
      prefix: 'handler',
      open(socket: Socket): void {
        told.push([this.prefix, 'open', socket.id])
      },
      message(socket: Socket, message: string | Buffer, isBinary: boolean): void {
        told.push([this.prefix, typeof message === 'string' ? message : [...message], isBinary])
        if (message === 'throw') throw new Error('thrown')
        socket.send(message)
      },
      error(_socket: Socket, error: Error): void {
        told.push([this.prefix, 'error', error.message])
      },
      drain(): void {
        told.push([this.prefix, 'drain'])
      },
      close(_socket: Socket, code: number, reason: string): void {
        told.push([this.prefix, 'close', code, reason])
      },
    }
    engine.server.route('/', handler)
    const { client, id, peer } = await engine.join({ path: '/' })
    sendText(client, 'text €')
    t.equal(await nextText(client), 'text €')
    client.sendFrame({ opcode: RawOpcode.Binary, payload: Buffer.from([1, 2]) })
    const { opcode, payload } = await client.nextMessage()
    t.same([opcode, [...payload]], [RawOpcode.Binary, [1, 2]])
    sendText(client, 'throw')
    await engine.journal.until('the error', () => engine.journal.errors[0])
    client.pause()
    while (peer.send(Buffer.alloc(256 * 1024))) await new Promise((resolve) => setImmediate(resolve))
    client.resume()
    await engine.journal.until('drain', () => engine.journal.drains[0])
    client.sendFrame({ opcode: RawOpcode.Close, payload: Buffer.from([0x03, 0xe8, 0x62, 0x79, 0x65]) })
    await engine.journal.closeOf(id)
    t.same(told, [
      ['handler', 'open', id],
      ['handler', 'text €', false],
      ['handler', [1, 2], true],
      ['handler', 'throw', false],
      ['handler', 'error', 'thrown'],
      ['handler', 'drain'],
      ['handler', 'close', 1000, 'bye'],
    ])
    t.same(
      engine.journal.messages.map(({ message }) => message.toString('latin1')).slice(1),
      ['\x01\x02', 'throw'],
      'the server hears Buffers',
    )
    t.equal(engine.server.stats().errors.handler, 1)
  })
}

t.test('RT08 OP21 an attached server: routes extend its paths, and others are left to others', async (t) => {
  const http = createServer()
  const server = new WebSocketServer({ shards: 0 })
  t.teardown(async () => {
    await server.shutdown({ deadlineMs: 1000 })
    http.closeAllConnections()
    http.close()
  })
  server.attach(http, { path: '/ws' })
  await server.ready()
  await once(http.listen(0, '127.0.0.1'), 'listening')
  const { port } = http.address() as AddressInfo
  const statusOf = async (path: string): Promise<number> => {
    const client = await RawClient.open({ port, path })
    client.destroy()
    return client.response.status
  }
  t.same([await statusOf('/ws'), await statusOf('/chat')], [101, 404])
  server.route(['/ws', '/chat/:room'], () => {})
  t.same([await statusOf('/ws'), await statusOf('/chat/1'), await statusOf('/chat')], [101, 101, 404])

  http.on('upgrade', (request, socket) => {
    if (request.url === '/foreign') socket.end('HTTP/1.1 418 Teapot\r\n\r\n')
  })
  t.same([await statusOf('/foreign'), await statusOf('/chat/1')], [418, 101])
})

t.test('RT08 LC07 a path of attach, or of handleUpgrade, without a route gets 404 once there are routes', async (t) => {
  const http = createServer()
  const server = new WebSocketServer({ shards: 0 })
  t.teardown(async () => {
    await server.shutdown({ deadlineMs: 1000 })
    http.closeAllConnections()
    http.close()
  })
  server.attach(http, { path: '/ws' })
  server.route('/chat', () => {})
  http.on('upgrade', (request, socket, head) => {
    if (request.url?.startsWith('/by-hand')) server.handleUpgrade(request, socket, head)
  })
  await server.ready()
  await once(http.listen(0, '127.0.0.1'), 'listening')
  const { port } = http.address() as AddressInfo
  const statusOf = async (path: string): Promise<number> => {
    const client = await RawClient.open({ port, path })
    client.destroy()
    return client.response.status
  }
  t.same([await statusOf('/ws'), await statusOf('/by-hand'), await statusOf('/chat')], [404, 404, 101])
})

t.test('RT08 an attached server without paths takes those of its routes only', async (t) => {
  const http = createServer()
  const server = new WebSocketServer({ shards: 0 })
  t.teardown(async () => {
    await server.shutdown({ deadlineMs: 1000 })
    http.closeAllConnections()
    http.close()
  })
  server.attach(http)
  server.route('/chat', () => {})
  http.on('upgrade', (request, socket) => {
    if (request.url === '/foreign') socket.end('HTTP/1.1 418 Teapot\r\n\r\n')
  })
  await server.ready()
  await once(http.listen(0, '127.0.0.1'), 'listening')
  const { port } = http.address() as AddressInfo
  for (const [path, status] of [
    ['/chat', 101],
    ['/foreign', 418],
  ] as const) {
    const client = await RawClient.open({ port, path })
    client.destroy()
    t.equal(client.response.status, status)
  }
})

t.test('a client that resets its connection when it is told 404 harms nobody', async (t) => {
  const http = createServer()
  const server = new WebSocketServer({ shards: 0, execArgv: [] }).attach(http, { path: '/ws' })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  t.teardown(() => {
    http.close()
    return server.shutdown()
  })
  const { port } = http.address() as AddressInfo
  const client = connect({ port, host: '127.0.0.1' })
  const [accepted] = (await once(http, 'connection')) as [TcpSocket]
  client.write(upgradeRequest({}, { target: '/elsewhere' }))
  const [answer] = await once(client, 'data')
  t.match(String(answer), /^HTTP\/1\.1 404 /)
  const closed = new Promise<boolean>((resolve) => void accepted.once('close', resolve))
  client.resetAndDestroy()
  t.ok(await closed, 'the server has seen the reset')
})
