/** The examples of document 001, NextRush v1, whose users have tokens; and the page of the chat. */
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import type { MessageClient } from '../fixtures/message-client.ts'
import { NextRushExample, sendJson } from '../fixtures/nextrush-example.ts'
import { REPOSITORY } from '../fixtures/repository.ts'

async function assertAuthenticates(t: Test, example: NextRushExample, path: string): Promise<void> {
  for (const [query, message] of [
    ['', 'Authentication required'],
    ['?token=', 'Invalid token'],
    ['?token=x.y.z', 'Invalid token'],
  ]) {
    const client = await example.connect(`${path}${query}`)
    t.same(await client.nextJson(), { type: 'error', message })
    t.same(await client.closed, { code: 1008, reason: message })
  }
}

async function next(client: MessageClient, type: string): Promise<Record<string, unknown>> {
  for (;;) {
    const message = await client.nextJson()
    if (message.type === type) return message
  }
}

t.test('EX09: the private chat knows its users by their tokens', async (t) => {
  const example = new NextRushExample(t, 'private-chat')
  await assertAuthenticates(t, example, '/private-chat/a')
  const ann = await example.connect(`/private-chat/a?token=${await example.tokenOf('ann')}`)
  const bob = await example.connect('/private-chat/a', { Authorization: `Bearer ${await example.tokenOf('bob')}` })
  sendJson(bob, { text: 'sent at once' })
  t.same(await ann.nextJson(), { type: 'authenticated', user: { id: '1', email: 'ann@example.com' }, roomId: 'a' })
  t.match(await bob.nextJson(), { type: 'authenticated', user: { id: '2' } })
  for (const client of [ann, bob]) {
    t.match(await next(client, 'chat-message'), {
      message: 'sent at once',
      user: { id: '2', email: 'bob@example.com' },
    })
  }
  ann.socket.send('no JSON')
  t.same(await ann.nextJson(), { type: 'error', message: 'Invalid message format' })
  await ann.close()
  t.match(await next(bob, 'user-left'), { userCount: 1 })
  await example.assertEnds(bob)
})

t.test('EX10: the chat server: history, typing, private messages, who is there', async (t) => {
  const example = new NextRushExample(t, 'chat-server')
  await assertAuthenticates(t, example, '/chat/a')
  const [annToken, bobToken] = [await example.tokenOf('ann'), await example.tokenOf('bob')]
  const ann = await example.connect(`/chat/a?token=${annToken}`)
  const annsFace = { id: '1', email: 'ann@example.com' }
  const bobsFace = { id: '2', email: 'bob@example.com' }
  t.same(await ann.nextJson(), { type: 'room-history', messages: [], users: [annsFace] })
  for (let number = 0; number < 120; number++) sendJson(ann, { type: 'chat', text: `${number}` })
  const ids = new Set<unknown>()
  for (let number = 0; number < 120; number++) {
    const message = await ann.nextJson()
    t.match(message, { type: 'chat-message', text: `${number}`, user: annsFace, timestamp: String })
    ids.add(message.id)
  }
  t.equal(ids.size, 120, 'every message has an id of its own')

  const bob = await example.connect(`/chat/a?token=${bobToken}`)
  const history = await bob.nextJson()
  const messages = history.messages as { text: string }[]
  t.match(history, { type: 'room-history', users: [annsFace, bobsFace] })
  t.same([messages.length, messages[0]?.text, messages.at(-1)?.text], [50, '70', '119'])
  t.same(await ann.nextJson(), { type: 'user-joined', user: bobsFace, userCount: 2 })

  sendJson(bob, { type: 'typing', isTyping: true })
  t.same(await ann.nextJson(), { type: 'typing', user: bobsFace, isTyping: true })
  sendJson(bob, { type: 'private', targetUserId: '1', text: 'psst' })
  t.match(await ann.nextJson(), { type: 'private-message', text: 'psst', from: bobsFace, timestamp: String })
  t.same(await bob.nextJson(), { type: 'private-message-sent', to: '1', text: 'psst' })
  for (const [message, error] of [
    ['{"type":"private","targetUserId":"3","text":"x"}', 'User not found or offline'],
    ['{"type":"dance"}', 'Unknown message type'],
    ['no JSON', 'Invalid message format'],
    ['{"type":"chat"}', 'Invalid message format'],
  ] as const) {
    bob.socket.send(message)
    t.same(await bob.nextJson(), { type: 'error', message: error })
  }
  const elsewhere = await example.connect(`/chat/b?token=${annToken}`)
  await elsewhere.nextJson()
  await ann.close()
  t.same(await bob.nextJson(), { type: 'user-left', user: annsFace, userCount: 1 })
  t.same(elsewhere.unread(), [])
  await example.assertEnds(bob)
})

t.test('EX11: posts are told to their subscribers', async (t) => {
  const example = new NextRushExample(t, 'live-updates')
  await assertAuthenticates(t, example, '/live')
  const token = await example.tokenOf('ann')
  const client = await example.connect(`/live?token=${token}`)
  sendJson(client, { type: 'subscribe', channel: 'posts' })
  t.same(await client.nextJson(), { type: 'subscribed', channel: 'posts' })
  t.equal((await example.fetch('/api/posts', { method: 'POST', body: { title: 'x' } })).status, 401)
  t.equal((await example.fetch('/api/posts', { method: 'POST', body: {}, token })).status, 400)
  const post = { id: '1', title: 'first' }
  t.same(await example.json('/api/posts', { method: 'POST', body: { title: 'first' }, token }), { success: true, post })
  t.match(await client.nextJson(), { type: 'update', channel: 'posts', data: { type: 'new-post', post } })
  const changed = { id: '1', title: 'changed' }
  await example.json('/api/posts/1', { method: 'PUT', body: { title: 'changed' }, token })
  t.match(await client.nextJson(), { type: 'update', data: { type: 'post-updated', post: changed }, timestamp: String })
  t.equal((await example.fetch('/api/posts/2', { method: 'PUT', body: { title: 'x' }, token })).status, 404)
  for (const [message, error] of [
    [{ type: 'dance' }, 'Unknown message type'],
    [{ type: 'subscribe', channel: 'secrets' }, 'Unknown channel'],
  ] as const) {
    sendJson(client, message)
    t.same(await client.nextJson(), { type: 'error', message: error })
  }
  sendJson(client, { type: 'unsubscribe', channel: 'posts' })
  t.same(await client.nextJson(), { type: 'unsubscribed', channel: 'posts' })
  await example.json('/api/posts', { method: 'POST', body: { title: 'unheard' }, token })
  t.same(client.unread(), [])
  await example.assertEnds(client)
})

interface ChatClient {
  readonly socket: WebSocket
  readonly reconnectAttempts: number
  show(line: string): void
  connect(): void
  close(): void
  sendMessage(text: string): boolean
  attemptReconnect(code: number): void
}

/** In a browser an error that nobody hears ends nothing. */
class BrowserLikeWebSocket extends WebSocket {
  constructor(url: URL) {
    super(url)
    this.on('error', () => {})
  }
}

t.test('EX13: the client of the page comes back, later each time, and gives up in the end', async (t) => {
  const url = new URL('examples/nextrush/page/chat-client.js', REPOSITORY)
  const { ChatClient } = (await import(url.href)) as {
    ChatClient: new (room: string, token: string, options: object) => ChatClient
  }
  t.intercept(globalThis, 'WebSocket', { value: BrowserLikeWebSocket })
  const lines: string[] = []
  let onLine = (): void => {}
  const shown = async (wanted: RegExp): Promise<void> => {
    while (!lines.some((line) => wanted.test(line))) await new Promise<void>((resolve) => (onLine = resolve))
  }
  const open = (token: string, origin: string): ChatClient => {
    const client = new ChatClient('lobby', token, { origin, baseDelayMs: 1 })
    client.show = (line) => {
      lines.push(line)
      onLine()
    }
    client.connect()
    t.teardown(() => client.close())
    return client
  }
  const example = new NextRushExample(t, 'chat-server', { JWT_SECRET: 'a' })
  const origin = (await example.process.url()).replace('ws:', 'http:')
  const token = await example.tokenOf('ann')
  const bob = await example.connect(`/chat/lobby?token=${await example.tokenOf('bob')}`)
  const client = open(token, origin)
  await next(bob, 'user-joined')
  sendJson(bob, { type: 'chat', text: '<b>hi</b>' })
  await shown(/^bob@example\.com: <b>hi<\/b>$/)
  t.equal(client.sendMessage('hello'), true)
  await next(bob, 'chat-message')
  t.match(await next(bob, 'chat-message'), { text: 'hello' })

  client.socket.terminate()
  await shown(/^Reconnecting \(1 of 5\)$/)
  // The new connection is on another shard, as likely as not, and may be there before the end of the former one is known.
  const changes = new Set(['user-left', 'user-joined'])
  while (changes.size > 0) changes.delete((await bob.nextJson()).type as string)
  t.equal(client.sendMessage('back'), true)
  t.match(await next(bob, 'chat-message'), { text: 'back' })
  t.equal(client.reconnectAttempts, 0, 'it counts anew')

  example.process.kill()
  await shown(/^Error: The connection is lost\.$/)
  const attempts = lines.filter((line) => line.startsWith('Reconnecting'))
  t.same(
    attempts.slice(1),
    [1, 2, 3, 4, 5].map((attempt) => `Reconnecting (${attempt} of 5)`),
  )
  t.equal(client.sendMessage('nobody hears'), false)

  const delays: number[] = []
  t.capture(globalThis, 'setTimeout', ((_callback: unknown, ms: number) => delays.push(ms)) as never)
  t.capture(Math, 'random', () => 1 - Number.EPSILON)
  const scheduler = new ChatClient('lobby', token, { origin, baseDelayMs: 1000 })
  scheduler.show = () => {}
  for (let attempt = 0; attempt < 5; attempt++) scheduler.attemptReconnect(1006)
  t.same(delays.map(Math.round), [1000, 2000, 4000, 8000, 16_000], 'twice as long each time')
})

t.test('EX13: a client that is refused does not come back, and the page shows text, not markup', async (t) => {
  const example = new NextRushExample(t, 'chat-server')
  const page = await example.fetch('/')
  t.match(page.headers.get('content-type'), 'text/html')
  const html = await page.text()
  const script = await (await example.fetch('/chat-client.js')).text()
  t.match(html, /addEventListener\('submit'/)
  for (const source of [html, script]) {
    t.notMatch(source, /innerHTML|outerHTML|insertAdjacentHTML|document\.write/)
  }
  t.match(script, 'textContent')
  t.equal((await example.fetch('/index.html')).status, 404)
})
