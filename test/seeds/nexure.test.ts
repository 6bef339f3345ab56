/** Document 000, NexureJS' `WebSocketServer`: creation, connections, events. Options and metrics have files of their own. */
import { EventEmitter, once } from 'node:events'
import { createServer, IncomingMessage } from 'node:http'
import { type AddressInfo, Socket } from 'node:net'
import { Duplex } from 'node:stream'
import t from 'tap'
import { WebSocketServer } from '../../src/facades/nexure.ts'
import { ShardwsError } from '../../src/index.ts'
import { MessageClient } from '../fixtures/message-client.ts'
import { heard, startNexure } from '../fixtures/nexure-server.ts'

type Arguments = Parameters<WebSocketServer['handleUpgrade']>

t.test('LC01 FN01: the class is made with or without options', async (t) => {
  const { wss, connect } = await startNexure(t, {})
  t.ok(wss instanceof WebSocketServer)
  t.equal((await connect()).socket.readyState, 1)
  const bare = new WebSocketServer()
  await bare.ready()
  await bare.shutdown()
})

t.test('LC02: where threads are not wanted the same server runs on the main thread', async (t) => {
  for (const shards of [0, 1]) {
    const { wss, connect } = await startNexure(t, { shards })
    wss.on('message', (id, message, isBinary) => wss.send(id, message, isBinary))
    const client = await connect()
    client.socket.send('same')
    t.equal(await client.nextText(), 'same')
    t.equal(wss.stats().handoff === 'local', shards === 0)
  }
})

t.test('LC03 FN02: handleUpgrade throws for the caller, and answers the client', async (t) => {
  const { wss, connectRaw } = await startNexure(t)
  const request = new IncomingMessage(new Socket())
  const head = Buffer.alloc(0)
  for (const [name, args] of [
    ['request', [undefined, new Duplex(), head]],
    ['request', [{}, new Duplex(), head]],
    ['socket', [request, undefined, head]],
    ['socket', [request, {}, head]],
    ['head', [request, new Duplex(), undefined]],
    ['head', [request, new Duplex(), 'text']],
  ] as const) {
    const call = (): void => wss.handleUpgrade(...(args as unknown as Arguments))
    t.throws(call, { code: 'ARGUMENT_INVALID', message: new RegExp(`^${name} must be `) })
    t.throws(call, ShardwsError)
  }
  const bad = await connectRaw({ headers: { 'Sec-WebSocket-Key': 'test' } })
  t.equal(bad.response.status, 400)
  const old = await connectRaw({ headers: { 'Sec-WebSocket-Version': '8' } })
  t.equal(old.response.status, 426)
  t.equal(wss.stats().rejected.total, 2)

  await wss.shutdown()
  t.throws(() => wss.handleUpgrade(request, new Duplex(), head), { code: 'SERVER_CLOSED' })
})

t.test('LC04: it joins an HTTP server that is there, and leaves its plain requests alone', async (t) => {
  const { port, connect } = await startNexure(t)
  await connect()
  t.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'plain HTTP')
})

t.test('LC04: attached to a path it leaves the others to their own listeners', async (t) => {
  const http = createServer()
  const [ours, theirs] = [new WebSocketServer({ shards: 0 }), new WebSocketServer({ shards: 0 })]
  ours.attach(http, { path: '/ours' })
  theirs.attach(http, { path: '/theirs' })
  await Promise.all([ours.ready(), theirs.ready(), once(http.listen(0, '127.0.0.1'), 'listening')])
  const url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}`
  const clients = await Promise.all(['/ours', '/theirs?x=1'].map((path) => MessageClient.connect(url + path)))
  t.same(
    [ours, theirs].map((each) => each.getConnections().length),
    [1, 1],
  )
  for (const client of clients) client.socket.terminate()
  await Promise.all([ours.shutdown(), theirs.shutdown()])
  http.closeAllConnections()
  http.close()
})

t.test('LC05 FN02: it is an event emitter', async (t) => {
  const { wss, connect } = await startNexure(t)
  t.ok(wss instanceof EventEmitter)
  const heard: string[] = []
  const listener = (): void => void heard.push('on')
  wss.on('connection', listener).once('connection', () => heard.push('once'))
  await connect()
  await connect()
  wss.off('connection', listener)
  await connect()
  t.same(heard, ['on', 'once', 'on'])
})

t.test("LC06: ids are the server's, never the client's", async (t) => {
  const { wss, connect } = await startNexure(t)
  const ids: string[] = []
  wss.on('connection', (id) => ids.push(id))
  for (let i = 0; i < 5; i++) await connect('/', [], { 'x-connection-id': 'mine' })
  t.equal(new Set(ids).size, 5)
  t.notOk(ids.includes('mine'))
  t.notOk(wss.send('mine', 'x'))
})

t.test('LC07 RT01: every path is accepted, and reported as it was sent', async (t) => {
  const { wss, connect } = await startNexure(t)
  const urls: string[] = []
  wss.on('connection', (_id, { url }) => urls.push(url))
  const paths = ['/', '/chat', '/a/b/c?d=e&f', '/%C3%A4', '//']
  for (const path of paths) await connect(path)
  t.same(urls, paths)
})

t.test('LC08: the figures are shared memory: main reads them without a turn of its event loop', async (t) => {
  const { wss, connect } = await startNexure(t, { pingIntervalMs: 20 })
  await connect()
  const before = wss.stats().wireBytesOut
  // Main does nothing but wait; what changes meanwhile, the shard has changed.
  const nobody = new Int32Array(new SharedArrayBuffer(4))
  for (let i = 0; i < 250 && wss.stats().wireBytesOut === before; i++) Atomics.wait(nobody, 0, 0, 20)
  t.ok(wss.stats().wireBytesOut > before)
})

t.test('CO01: send by id: text, bytes, and isBinary against the kind of the argument', async (t) => {
  const { wss, pair } = await startNexure(t)
  const { client, id } = await pair()
  for (const [message, isBinary, expected] of [
    ['text', undefined, false],
    [Buffer.from('bytes'), undefined, true],
    [new Uint8Array([1, 2]), undefined, true],
    ['text', true, true],
    [Buffer.from('bytes'), false, false],
    ['', undefined, false],
    ['x'.repeat(100_000), undefined, false],
  ] as const) {
    t.equal(wss.send(id, message, isBinary), true)
    t.same(await client.next(), { data: Buffer.from(message as string), isBinary: expected })
  }
  for (const message of [undefined, null, 1, {}, []]) {
    t.throws(() => wss.send(id, message as unknown as string), {
      code: 'ARGUMENT_INVALID',
      message: /^message must be /,
    })
  }
})

t.test('CO01: what is sent in the connection event arrives, and nothing stays queued', async (t) => {
  const { wss, connect } = await startNexure(t)
  wss.once('connection', (id) => wss.send(id, 'Welcome'))
  const client = await connect()
  t.equal(await client.nextText(), 'Welcome')
  const [id] = wss.getConnections()
  // A second message behind the first: what was queued for the first is settled by then.
  wss.send(id!, 'and more')
  await client.nextText()
  t.equal(wss.getConnection(id!)!.bufferedAmount, 0)
})

t.test('CO02: to an unknown id or a closed connection nothing is sent, and nothing is thrown', async (t) => {
  const { wss, pair } = await startNexure(t)
  const { client, id } = await pair()
  for (const unknown of ['', 'nobody', '0', `${id}x`]) t.equal(wss.send(unknown, 'x'), false)
  const closed = heard(wss, 'close')
  await client.close()
  await closed
  t.equal(wss.send(id, 'x'), false)
})

t.test('CO04: close by id: code, reason, and their limits', async (t) => {
  const { wss, pair } = await startNexure(t)
  for (const [args, code, reason] of [
    [[], 1000, ''],
    [[1001], 1001, ''],
    [[4999, 'bye'], 4999, 'bye'],
    [[3000, 'x'.repeat(200)], 3000, 'x'.repeat(123)],
    [[3000, 'ä'.repeat(100)], 3000, 'ä'.repeat(61)],
  ] as [[number?, string?], number, string][]) {
    const { client, id } = await pair()
    wss.close(id, ...args)
    t.same(await client.closed, { code, reason })
  }
  const { id } = await pair()
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 1000.5, Number.NaN]) {
    t.throws(() => wss.close(id, code), { code: 'ARGUMENT_INVALID', message: /^code must be / }, String(code))
  }
  t.throws(() => wss.close(id, 1000, 7 as unknown as string), { message: 'reason must be a string' })
  t.doesNotThrow(() => wss.close('nobody', 1000))
})

t.test('CO05: the ids of the open connections', async (t) => {
  const { wss, pair } = await startNexure(t)
  t.same(wss.getConnections(), [])
  const [one, two] = [await pair(), await pair()]
  t.same(wss.getConnections().sort(), [one.id, two.id].sort())
  const closed = heard(wss, 'close')
  await one.client.close()
  await closed
  t.same(wss.getConnections(), [two.id])
})

t.test('CO06: what is known of a connection', async (t) => {
  const { wss, connect } = await startNexure(t, { protocols: ['chat'] })
  const opened = heard(wss, 'connection')
  const client = await connect('/', ['chat'], { 'x-own': 'field' })
  const [id] = await opened
  const messages = heard(wss, 'message')
  client.socket.send('12345')
  await messages
  wss.send(id, Buffer.alloc(7))
  await client.next()
  const connection = wss.getConnection(id)
  t.match(connection, {
    id,
    remoteAddress: '127.0.0.1',
    remotePort: Number,
    protocol: 'chat',
    headers: { 'x-own': 'field' },
    bytesReceived: 5,
    bytesSent: 7,
    compressionRatio: 0,
  })
  t.ok(connection!.remotePort > 0)
  t.equal(wss.getConnection('nobody'), undefined)
})

t.test('RO01: a broadcast reaches every connection of every shard, once', async (t) => {
  const { wss, connect } = await startNexure(t, { shards: 2 })
  const clients = await Promise.all([1, 2, 3, 4].map(() => connect()))
  for (const [message, isBinary, expected] of [
    ['text', undefined, false],
    [Buffer.from('bytes'), undefined, true],
    ['text', true, true],
    [Buffer.from('bytes'), false, false],
    ['x'.repeat(50_000), undefined, false],
  ] as const) {
    wss.broadcast(message, isBinary)
    for (const client of clients) t.same(await client.next(), { data: Buffer.from(message), isBinary: expected })
  }
  t.ok(clients.every((client) => client.unread().length === 0))
  t.throws(() => wss.broadcast(7 as unknown as string), { code: 'ARGUMENT_INVALID' })
})

t.test('EV01: connection: the id and the request', async (t) => {
  const { wss, connect } = await startNexure(t)
  const opened = heard(wss, 'connection')
  await connect('/chat?room=7', [], { 'user-agent': 'test' })
  const [id, request] = await opened
  t.match(id, /^[0-9a-z]+-[0-9a-z]+$/)
  t.match(request, {
    url: '/chat?room=7',
    path: '/chat',
    headers: { 'user-agent': 'test' },
    remoteAddress: '127.0.0.1',
  })
  t.equal(request.query.room, '7')
})

t.test('EV02: message: the id, a Buffer whatever the kind, and the kind', async (t) => {
  const { wss, pair } = await startNexure(t)
  const { client, id } = await pair()
  for (const [sent, isBinary] of [
    ['grüße', false],
    [Buffer.from([0, 1, 255]), true],
    ['', false],
    [Buffer.alloc(100_000, 'x'), true],
  ] as const) {
    const received = heard(wss, 'message')
    client.socket.send(sent)
    const [from, message, wasBinary] = await received
    t.equal(from, id)
    t.ok(Buffer.isBuffer(message))
    t.ok(message.equals(Buffer.from(sent as string)))
    t.equal(wasBinary, isBinary)
  }
})

t.test('EV03: close: the id, the code and the reason, whoever began', async (t) => {
  const { wss, pair } = await startNexure(t)
  for (const [end, code, reason] of [
    [(_id: string, { socket }: MessageClient) => socket.close(4000, 'bye'), 4000, 'bye'],
    [(_id: string, { socket }: MessageClient) => socket.close(), 1005, ''],
    [(_id: string, { socket }: MessageClient) => socket.terminate(), 1006, ''],
    [(id: string) => wss.close(id, 4001, 'go'), 4001, 'go'],
  ] as const) {
    const { client, id } = await pair()
    const closed = heard(wss, 'close')
    end(id, client)
    t.same(await closed, [id, code, reason])
  }
})

t.test('EV04: error: the id and the error, for what a peer or a listener does wrong', async (t) => {
  const { wss, connectRaw, pair } = await startNexure(t)
  const opened = heard(wss, 'connection')
  const raw = await connectRaw()
  const [rawId] = await opened
  const broken = heard(wss, 'error')
  raw.sendFrame({ opcode: 3 })
  t.match(await broken, [rawId, { code: 'INVALID_OPCODE', closeCode: 1002 }])

  const { client, id } = await pair()
  wss.once('message', () => {
    throw new Error('mine')
  })
  const thrown = heard(wss, 'error')
  client.socket.send('x')
  t.match(await thrown, [id, { message: 'mine' }])
  const next = heard(wss, 'message')
  client.socket.send('y')
  t.equal(String((await next)[1]), 'y', 'the connection lives on')
})

t.test('FN05: application code stays on the main thread and sees ids only', async (t) => {
  const { wss, pair } = await startNexure(t)
  const { threadId, isMainThread } = await import('node:worker_threads')
  const seen: unknown[] = []
  wss.on('message', (...args) => seen.push(threadId, isMainThread, args.length, typeof args[0]))
  const { client } = await pair()
  const received = heard(wss, 'message')
  client.socket.send('x')
  await received
  t.same(seen, [0, true, 3, 'string'])
})
