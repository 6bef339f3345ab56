import t from 'tap'
import type { Socket } from '../../src/index.ts'
import { deferred } from '../fixtures/deferred.ts'
import { closeBody, EngineUnderTest, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'

for (const shards of [0, 2]) {
  const name = `shards: ${shards}`

  t.test(`CO11 CO22 CO23 CO31 CO35 CO42 EV05 EV06 EV14 LC13 listeners of a socket: ${name}`, async (t) => {
    const engine = await EngineUnderTest.start(t, { shards })
    const told: unknown[] = []
    engine.server.route('/', (socket) => {
      socket.on('message', (message, isBinary) => {
        told.push(['on', typeof message === 'string' ? message : [...message], isBinary])
        socket.send(message)
      })
      socket.onMessage((message) => told.push(['onMessage', typeof message]))
      socket.once('message', () => told.push(['once']))
      socket.onClose((code, reason) => told.push(['onClose', code, reason]))
      socket.on('close', (code) => told.push(['on close', code]))
    })
    const { client, id } = await engine.join({ path: '/' })
    sendText(client, 'text €')
    t.equal(await nextText(client), 'text €')
    client.sendFrame({ opcode: RawOpcode.Binary, payload: Buffer.from([1, 2]) })
    t.same([...(await client.nextMessage()).payload], [1, 2])
    client.sendFrame({ opcode: RawOpcode.Close, payload: closeBody(4001, 'bye') })
    await engine.journal.closeOf(id)
    t.same(told, [
      ['on', 'text €', false],
      ['onMessage', 'string'],
      ['once'],
      ['on', [1, 2], true],
      ['onMessage', 'object'],
      ['onClose', 4001, 'bye'],
      ['on close', 4001],
    ])
  })

  t.test(`CO11 listeners may be added at any time, without routes too: ${name}`, async (t) => {
    const engine = await EngineUnderTest.start(t, { shards })
    const { client, id } = await engine.join()
    const socket = engine.peer(id)
    const listener = (message: string | Buffer): void => void socket.send(`heard ${message}`)
    socket.onMessage(listener)
    sendText(client, 'a')
    t.equal(await nextText(client), 'heard a')
    socket.off('message', listener)
    engine.server.on('message', (from) => engine.server.send(from, 'by the server'))
    sendText(client, 'b')
    t.equal(await nextText(client), 'by the server')
  })

  t.test(
    `CO32 EV07 LC26 what a listener throws or rejects with is its socket's error, and nothing else: ${name}`,
    async (t) => {
      const engine = await EngineUnderTest.start(t, { shards })
      const { server, journal } = engine
      const errors: string[] = []
      server.route('/', (socket) => {
        socket.onMessage((message) => {
          if (message === 'throw') throw new Error('thrown')
        })
        socket.onMessage(async (message) => {
          if (message === 'reject') throw new Error('rejected')
          socket.send(message)
        })
        socket.onError((error) => errors.push(error.message))
        socket.onError(() => {
          throw new Error('of the error listener')
        })
        socket.on('error', async () => {
          throw new Error('of the error listener')
        })
      })
      const [faulty, other] = [await engine.join({ path: '/' }), await engine.join({ path: '/?2' })]
      for (const text of ['throw', 'reject', 'fine']) sendText(faulty.client, text)
      t.equal(await nextText(faulty.client), 'throw', 'the other listener')
      t.equal(await nextText(faulty.client), 'fine')
      sendText(other.client, 'undisturbed')
      t.equal(await nextText(other.client), 'undisturbed')
      await eventually('both errors', () => errors.length === 2)
      t.same(errors, ['thrown', 'rejected'])
      t.same(
        journal.errors.map(({ id, error }) => [id, error.message]),
        [
          [faulty.id, 'thrown'],
          [faulty.id, 'rejected'],
        ],
      )
      t.same([server.stats().errors.handler, journal.closes.length], [2, 0])
    },
  )

  t.test(`EV07 a protocol error is told to its socket, which closes: ${name}`, async (t) => {
    const engine = await EngineUnderTest.start(t, { shards })
    const told: unknown[] = []
    engine.server.route('/', (socket) => {
      socket.onError((error) => told.push((error as Error & { code?: string }).code))
      socket.onClose((code) => told.push(code))
    })
    const { client, id } = await engine.join({ path: '/' })
    client.sendFrame({ opcode: RawOpcode.Text, payload: Buffer.from([0xff]) })
    await engine.journal.closeOf(id)
    t.same(told, ['INVALID_UTF8', 1007])
  })

  t.test(`CO32 row 75: what socket listeners and handlers return counts as unprocessed: ${name}`, async (t) => {
    for (const way of ['listener', 'handler'] as const) {
      const engine = await EngineUnderTest.start(t, { shards, maxUnprocessedMessages: 2 })
      const { server } = engine
      const work = deferred<void>()
      const heard: string[] = []
      const message = (text: string | Buffer): unknown => {
        heard.push(String(text))
        return text === 'last' ? undefined : work.promise
      }
      if (way === 'handler') server.route('/', { message: (_socket, text) => message(text) })
      else server.route('/', (socket) => void socket.onMessage(message))
      const { client } = await engine.join({ path: '/' })
      sendText(client, 'a')
      sendText(client, 'b')
      await eventually('it is not read', () => server.stats().inboundPauses === 1)
      sendText(client, 'last')
      t.same(heard, ['a', 'b'])
      t.equal(server.stats().limits.maxUnprocessedMessages, 1)
      work.resolve(undefined)
      await eventually('the last one', () => heard.length === 3)
      await engine.stop()
    }
  })

  t.test(
    `CO08 CO09 CO10 CO13 CO14 CO15 CO16 CO17 CO18 CO19 CO20 CO24 CO25 CO28 CO30 CO33 CO34 CO36 CO37 CO39 CO40 CO06 what a socket tells and does: ${name}`,
    async (t) => {
      const engine = await EngineUnderTest.start(t, { shards, protocols: ['chat'] })
      const before = Date.now()
      const headers = { 'X-Token': 'abc', 'Sec-WebSocket-Protocol': 'chat' }
      const { client, id, peer: socket } = await engine.join({ path: '/room?x=1', headers })
      t.match(socket, { id, url: '/room?x=1', path: '/room', protocol: 'chat', isAlive: true, lastPong: 0, params: {} })
      t.equal(socket.headers['x-token'], 'abc')
      t.equal(socket.ip, '127.0.0.1')
      t.same([socket.CONNECTING, socket.OPEN, socket.CLOSING, socket.CLOSED], [0, 1, 2, 3])
      const { OPEN } = socket.constructor as unknown as typeof socket
      t.equal(OPEN, 1)
      t.equal(socket.readyState, socket.OPEN)
      t.ok(Math.abs(socket.connectedAt - before) < 60_000, 'milliseconds since the epoch')
      const { connectedAt } = socket
      sendText(client, 'x')
      await engine.journal.messageCount(1)
      t.same([socket.messagesReceived, socket.bytesReceived, socket.connectedAt], [1, 1, connectedAt])
      t.ok(socket.lastActivity >= connectedAt - 1000)
      socket.ping('health-check')
      const { opcode, payload } = await client.nextControl()
      t.same([opcode, payload.toString()], [RawOpcode.Ping, 'health-check'])
      client.sendFrame({ opcode: RawOpcode.Pong, payload })
      await eventually('the pong', () => socket.lastPong > 0)
      socket.markAlive()
      socket.metadata = { messageCount: 0 }
      t.same(engine.peer(id).metadata, { messageCount: 0 })
      socket.close(1008, 'enough')
      t.equal(socket.readyState, socket.CLOSING)
      t.equal(socket.send('too late'), false)
      const frame = await client.closeFrame()
      client.sendFrame({ opcode: RawOpcode.Close, payload: frame.payload })
      t.same(await engine.journal.closeOf(id), { id, code: 1008, reason: 'enough' })
      t.equal(socket.readyState, socket.CLOSED)
    },
  )

  t.test(`CO12 CO27 CO38 F102 free properties, data and metadata live as long as the socket: ${name}`, async (t) => {
    const engine = await EngineUnderTest.start(t, { shards })
    type Free = Socket & { userId?: string; channels?: Set<string> }
    const told: unknown[] = []
    engine.server.route('/', {
      open(socket: Free) {
        socket.userId = 'u1'
        socket.channels = new Set(['a'])
        socket.data = { token: 't' }
        socket.metadata.userAgent = 'test'
      },
      close(socket: Free) {
        told.push(socket.userId, [...(socket.channels ?? [])], socket.data, socket.metadata)
      },
    })
    const { client, id } = await engine.join({ path: '/' })
    client.destroy()
    await engine.journal.closeOf(id)
    t.same(told, ['u1', ['a'], { token: 't' }, { userAgent: 'test' }])
  })

  t.test(`EV09 room:join and room:leave are told to the socket: ${name}`, async (t) => {
    const engine = await EngineUnderTest.start(t, { shards })
    const told: string[] = []
    engine.server.route('/', (socket) => {
      socket.on('room:join', (room) => told.push(`+${room}`)).on('room:leave', (room) => told.push(`-${room}`))
      socket.join('a')
      socket.join('b')
    })
    const { client, id, peer } = await engine.join({ path: '/' })
    peer.leave('a')
    client.destroy()
    await engine.journal.closeOf(id)
    t.same(told, ['+a', '+b', '-a', '-b'])
  })
}
