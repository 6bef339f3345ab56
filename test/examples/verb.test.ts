import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ExampleProcess } from '../fixtures/example-process.ts'
import { MessageClient } from '../fixtures/message-client.ts'
import { RawClient } from '../fixtures/raw-client.ts'
import { REPOSITORY } from '../fixtures/repository.ts'
import { startVerbExample, tell } from '../fixtures/verb-example.ts'

t.test('EX34 EX43 SH05: the echo server: greeting, echo, and a notice before it ends by SIGTERM', async (t) => {
  const { example, connect } = await startVerbExample(t, 'echo', { GRACE_MS: '50' })
  const client = await connect()
  t.equal(await client.nextText(), 'Welcome to WebSocket server!')
  await example.printed(/Client connected/)
  client.socket.send('Hello Server!')
  t.match(await client.nextText(), 'Echo: Hello Server!')
  client.socket.send(Buffer.from([0, 255]))
  t.same(await client.next(), { data: Buffer.from([0, 255]), isBinary: true })
  await client.close(4000, 'done')
  await example.printed(/Client disconnected: 4000 - done/)

  const last = await connect()
  await last.next()
  const ended = example.stop()
  t.match(await last.nextJson(), { type: 'server_shutdown', message: 'Server is shutting down', timestamp: String })
  t.same(await last.closed, { code: 1001, reason: 'Server shutdown' })
  t.equal(await ended, 0)
})

t.test('EX34: HTTP and WebSocket on one port: the page, and the socket that it opens', async (t) => {
  const { example, connect, url } = await startVerbExample(t, 'page')
  const page = await (await fetch(url().replace('ws:', 'http:'))).text()
  t.match(page, 'textContent')
  t.notMatch(page, /innerHTML|outerHTML|insertAdjacentHTML|document\.write/)
  const client = await connect('/')
  t.equal(await client.nextText(), 'WebSocket connection established')
  client.socket.send('<b>')
  t.equal(await client.nextText(), 'Server received: <b>')
  t.equal(await example.stop(), 0)
})

t.test('EX35: routes: a page and a conversation on one path, notifications by user', async (t) => {
  const { example, connect, request, url } = await startVerbExample(t, 'routes')
  t.match(await (await fetch(url('/chat').replace('ws:', 'http:'))).text(), '<title>WebSocket Demo</title>')
  const [ann, bob] = [await connect('/chat'), await connect('/chat')]
  // A client that has had an answer is in the room: the next one's message reaches it.
  ann.socket.send('from ann')
  t.equal(await bob.nextText(), 'from ann')
  bob.socket.send('from bob')
  t.equal(await ann.nextText(), 'from bob')
  t.same(bob.unread(), [], 'and not its sender')

  t.same(await request('GET', '/notifications'), [400, { error: 'WebSocket upgrade required' }])
  const refused = await RawClient.open({ port: Number(new URL(url()).port), path: '/notifications' })
  t.teardown(() => refused.destroy())
  t.equal(refused.response.status, 400)
  const stream = await connect('/notifications?userId=7')
  t.same(await request('POST', '/notify/7', { text: 'hi' }), [200, { delivered: 1 }])
  t.same(await stream.nextJson(), { text: 'hi' })
  t.same(await request('POST', '/notify/8', { text: 'hi' }), [200, { delivered: 0 }])
  t.equal(await example.stop(), 0)
})

t.test('EX36 EX43 RO30: the router: tokens, rooms of two clients, private messages, unknown types', async (t) => {
  const { example, connect } = await startVerbExample(t, 'router')
  const stranger = await connect('/')
  t.match(await stranger.nextJson(), { type: 'auth', status: 'error', message: 'Authentication failed' })
  t.same(await stranger.closed, { code: 1008, reason: 'Authentication failed' })

  const ann = await connect('/?token=token-ann')
  t.same(await ann.nextJson(), { type: 'auth', status: 'success', user: { id: 'ann', name: 'Ann' } })
  const bob = await MessageClient.connect(example.output.match(/http:\/\/\S+/)![0].replace('http', 'ws'), [], {
    headers: { Authorization: 'Bearer token-bob' },
  })
  t.teardown(() => bob.socket.terminate())
  t.match(await bob.nextJson(), { type: 'auth', status: 'success' })

  tell(ann, { type: 'join_room', roomId: 'test-room' })
  t.same(await ann.nextJson(), { type: 'joined_room', roomId: 'test-room' })
  tell(bob, { type: 'join_room', roomId: 'test-room' })
  t.same(await bob.nextJson(), { type: 'joined_room', roomId: 'test-room' })
  t.same(await ann.nextJson(), { type: 'user_joined', user: 'Bob', roomId: 'test-room' })
  tell(ann, { type: 'chat', roomId: 'test-room', message: 'Hello from ws1!' })
  t.match(await bob.nextJson(), {
    type: 'chat',
    user: 'Ann',
    message: 'Hello from ws1!',
    id: String,
    timestamp: String,
  })
  tell(ann, { type: 'private_message', targetUserId: 'bob', message: 'psst' })
  t.match(await bob.nextJson(), { type: 'private_message', from: 'Ann', message: 'psst' })
  tell(bob, { type: 'leave_room', roomId: 'test-room' })
  t.same(await ann.nextJson(), { type: 'user_left', user: 'Bob', roomId: 'test-room' })
  t.same(ann.unread(), [], 'nobody hears of itself')

  for (const [message, text] of [
    ['{', 'Invalid message format'],
    ['null', 'Invalid message format'],
    ['{"type":"dance"}', 'Unknown message type: dance'],
    ['{"type":"toString"}', 'Unknown message type: toString'],
    ['{"type":"chat","roomId":"test-room"}', 'roomId and message must be texts'],
    ['{"type":"chat","roomId":"test-room","message":"x"}', 'Join test-room first'],
    ['{"type":"leave_room","roomId":"test-room"}', 'You are not in that room'],
    ['{"type":"private_message","targetUserId":"eve","message":"x"}', 'User not found or offline'],
  ]) {
    bob.socket.send(message!)
    t.same(await bob.nextJson(), { type: 'error', message: text })
  }
  const again = await connect('/?token=token-ann')
  t.match(await ann.closed, { code: 4000 }, 'the older connection of a client goes')
  await again.nextJson()
  tell(bob, { type: 'private_message', targetUserId: 'ann', message: 'still there?' })
  t.match(await again.nextJson(), { type: 'private_message', message: 'still there?' })
  t.equal(await example.stop(), 0)
})

t.test('EX37: the binary protocol: a file is written, audio and video are counted', async (t) => {
  const uploads = mkdtempSync(join(tmpdir(), 'verb-uploads-'))
  t.teardown(() => rmSync(uploads, { recursive: true }))
  const { example, connect } = await startVerbExample(t, 'binary', { UPLOADS: uploads })
  const client = await connect()
  const content = Buffer.from([0, 1, 2, 255])
  client.socket.send(Buffer.concat([Buffer.of(1), content]))
  client.socket.send(Buffer.of(1))
  const uploaded = [await client.nextJson(), await client.nextJson()]
  const full = uploaded.find(({ size }) => size === 4)
  t.match(full, { type: 'file_uploaded', filename: /^upload_\d+_1_\d$/ })
  t.same(readFileSync(join(uploads, String(full?.filename))), content)
  t.equal(readdirSync(uploads).length, 2)
  client.socket.send(Buffer.of(2, 9, 9))
  t.same(await client.nextJson(), { type: 'audio_received', size: 2, total: 2 })
  client.socket.send(Buffer.of(3, 9))
  t.same(await client.nextJson(), { type: 'video_received', size: 1, total: 1 })
  for (const unknown of [Buffer.of(4), Buffer.alloc(0)]) {
    client.socket.send(unknown)
    t.equal(await client.nextText(), 'Unknown binary message type')
  }
  t.equal(await example.stop(), 0)
})

t.test('EX32: the unit test passes under tap', async (t) => {
  const example = new ExampleProcess('verb/unit-test')
  t.teardown(() => example.kill())
  await example.printed(/^ok 1 - it handles WebSocket connections/m)
  await example.printed(/^# pass 1$|^1\.\.1$/m)
})

t.test('EX33: the playground counts every echo', async (t) => {
  const { example, url } = await startVerbExample(t, 'echo')
  const load = new ExampleProcess('verb/playground', { TARGET: url(), CLIENTS: '5', MESSAGES: '20' })
  t.teardown(() => load.kill())
  await load.printed(/^100 messages by 5 clients in \d+ ms$/m)
  await load.printed(/^round trip: p50 [\d.]+ ms, p99 [\d.]+ ms, slowest [\d.]+ ms$/m)
  t.equal(await example.stop(), 0)
})

t.test('LC27: no example needs another run time than Node', async (t) => {
  const folder = new URL('examples/verb/', REPOSITORY)
  for (const name of readdirSync(folder)) {
    t.notMatch(readFileSync(new URL(name, folder), 'utf8'), /\bBun\b|bun:|innerHTML|process\.exit\(0\)/, name)
  }
})
