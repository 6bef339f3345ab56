/** The examples of document 003, the overview of NextRush v2, that are no chats. */
import t from 'tap'
import { WebSocket } from 'ws'
import type { MessageClient } from '../fixtures/message-client.ts'
import { NextRushExample, sendJson } from '../fixtures/nextrush-example.ts'

async function next(client: MessageClient, type: string): Promise<Record<string, unknown>> {
  for (;;) {
    const message = await client.nextJson()
    if (message.type === type) return message
  }
}

t.test('EX26: the first steps of the overview', async (t) => {
  const example = new NextRushExample(t, 'welcome-echo')
  const client = await example.connect('/ws')
  t.equal(await client.nextText(), 'Welcome to NextRush v2 WebSocket!')
  client.socket.send('Hello Server!')
  t.equal(await client.nextText(), 'Echo: Hello Server!')
  await client.close(1000, 'done')
  await example.process.printed(/Connection closed: 1000 - done/)
  t.equal(await example.process.stop(), 0)
})

t.test('EX28: a stream of values, which ends with its connection', async (t) => {
  const example = new NextRushExample(t, 'data-stream', { POINT_MS: '20' })
  const client = await example.connect('/stream/data')
  const { streamId } = await next(client, 'stream-started')
  for (let point = 0; point < 3; point++) {
    const { value, ...rest } = await client.nextJson()
    t.match(rest, {
      type: 'data-point',
      streamId,
      timestamp: /^\d{4}-/,
      metrics: { connections: Number, memory: Number },
    })
    t.ok(Number(value) >= 0 && Number(value) < 100)
  }
  await client.close()
  await example.process.printed(new RegExp(`${streamId} ended`))
  t.equal(await example.process.stop(), 0)
})

t.test('EX29: bytes come back reversed, text as text', async (t) => {
  const example = new NextRushExample(t, 'binary')
  const client = await example.connect('/binary')
  client.socket.send(Buffer.from([1, 2, 255]))
  t.same(await client.next(), { data: Buffer.from([255, 2, 1]), isBinary: true })
  client.socket.send('text')
  t.equal(await client.nextText(), 'Text received: text')
  await example.assertEnds(client)
})

t.test('EX30 AU23: the secure handler: origins, agents, sizes, rates, and what a message may be', async (t) => {
  const example = new NextRushExample(t, 'secure')
  const url = new URL('/secure-ws', await example.process.url())
  const statusOf = (headers: Record<string, string>): Promise<number | undefined> =>
    new Promise((resolve) => {
      const socket = new WebSocket(url, { headers })
      socket.on('error', () => {})
      socket.on('unexpected-response', (_request, response) => {
        resolve(response.statusCode)
        response.destroy()
      })
      socket.on('open', () => {
        resolve(101)
        socket.terminate()
      })
    })
  const good = { Origin: 'https://yourdomain.com', 'User-Agent': 'tap' }
  t.equal(await statusOf({ 'User-Agent': 'tap' }), 403, 'no origin')
  t.equal(await statusOf({ ...good, Origin: 'https://evil.com' }), 403)
  t.equal(await statusOf({ Origin: good.Origin }), 401, 'no agent')

  const client = await example.connect('/secure-ws', good)
  for (const nonsense of ['no JSON', '{}', '{"type":"dance","text":"x"}', '{"type":"chat","text":7}']) {
    client.socket.send(nonsense)
    t.same(await client.nextJson(), { error: 'Invalid message format' })
  }
  sendJson(client, { type: 'chat', text: 'hello' })
  t.same(await client.nextJson(), { type: 'processed', result: 'chat: 5 characters' })
  sendJson(client, { type: 'chat', text: 'fail' })
  t.same(await client.nextJson(), { error: 'Message processing failed' })
  await example.process.printed(/asked to fail/)
  client.socket.send('x'.repeat(64 * 1024 + 1))
  t.equal((await client.closed).code, 1009)
  const statuses = await Promise.all(Array.from({ length: 5 }, () => statusOf(good)))
  t.ok(statuses.includes(429), statuses.join(' '))
  t.equal(await example.process.stop(), 0)
})

t.test('EX31: health and metrics', async (t) => {
  const example = new NextRushExample(t, 'health')
  const client = await example.connect('/ws')
  client.socket.send('x')
  await client.nextText()
  let health = await example.fetch('/ws/health')
  // Where the machine is busy, main lags at first, and says so.
  while (health.status === 503) health = await example.fetch('/ws/health')
  t.match(await health.json(), {
    status: /^(healthy|degraded)$/,
    websocket: { activeConnections: 1, totalRooms: 1, uptime: Number, memoryUsage: { rss: Number } },
  })
  const metrics = await example.fetch('/ws/metrics')
  t.match(metrics.headers.get('content-type'), 'text/plain')
  const text = await metrics.text()
  for (const line of [
    'websocket_connections_active 1',
    'websocket_rooms_total 1',
    'websocket_messages_sent_total 1',
    'websocket_messages_received_total 1',
  ]) {
    t.ok(text.split('\n').includes(line), line)
  }
  await example.assertEnds(client)
})
