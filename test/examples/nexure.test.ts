import t, { type Test } from 'tap'
import { formatBytes } from '../../examples/nexure/format-bytes.ts'
import { ExampleProcess } from '../fixtures/example-process.ts'
import { MessageClient } from '../fixtures/message-client.ts'

function start(t: Test, name: string, env?: Record<string, string>): ExampleProcess {
  const example = new ExampleProcess(`nexure/${name}`, env)
  t.teardown(() => example.kill())
  return example
}

async function join(t: Test, url: string, protocols: readonly string[] = []): Promise<MessageClient> {
  const client = await MessageClient.connect(url, protocols)
  t.teardown(() => client.socket.terminate())
  return client
}

t.test('EX01: the echo server greets, echoes text and bytes, logs the close, and ends when asked', async (t) => {
  const example = start(t, 'echo')
  const client = await join(t, await example.url())
  t.match(await client.next(), { data: Buffer.from('Welcome to the WebSocket server!'), isBinary: false })
  client.socket.send('grüße')
  t.same(await client.next(), { data: Buffer.from('grüße'), isBinary: false })
  client.socket.send(Buffer.from([0, 255]))
  t.same(await client.next(), { data: Buffer.from([0, 255]), isBinary: true })
  await client.close(4000, 'enough')
  await example.printed(/closed: 4000 enough/)

  const large = await join(t, await example.url())
  await large.next()
  large.socket.send(Buffer.alloc(1024 * 1024 + 1))
  t.equal((await large.closed).code, 1009, 'its limit is 1 MiB')

  const last = await join(t, await example.url())
  await last.next()
  t.equal(await example.stop(), 0)
  t.equal((await last.closed).code, 1001)
})

t.test('EX02: the chat: welcome, userJoined, chat, updateUsername, usernameChanged, userLeft', async (t) => {
  const example = start(t, 'chat')
  const url = await example.url()

  const ann = await join(t, url, ['chat'])
  t.equal(ann.socket.protocol, 'chat')
  const welcome = await ann.nextJson()
  t.match(welcome, { type: 'welcome', id: String, username: /^User\d+$/ })
  t.match(await ann.nextJson(), { type: 'userJoined', username: welcome.username, timestamp: Number })

  const bob = await join(t, url, ['chat'])
  const { username: bobName } = await bob.nextJson()
  t.not(bobName, welcome.username)
  for (const client of [ann, bob]) t.match(await client.nextJson(), { type: 'userJoined', username: bobName })

  ann.socket.send(JSON.stringify({ type: 'chat', text: '<b>hi</b>' }))
  for (const client of [ann, bob]) {
    t.match(await client.nextJson(), {
      type: 'chat',
      username: welcome.username,
      message: '<b>hi</b>',
      timestamp: Number,
    })
  }
  ann.socket.send(JSON.stringify({ type: 'updateUsername', username: ' Ann ' }))
  for (const client of [ann, bob]) {
    t.match(await client.nextJson(), { type: 'usernameChanged', oldUsername: welcome.username, newUsername: 'Ann' })
  }
  bob.socket.send(JSON.stringify({ type: 'chat', text: 'hello Ann' }))
  for (const client of [ann, bob]) t.match(await client.nextJson(), { type: 'chat', username: bobName })

  for (const nonsense of [
    'no JSON',
    'null',
    '7',
    '[]',
    '{}',
    '{"type":"admin"}',
    '{"type":"chat"}',
    '{"type":"chat","text":7}',
    '{"type":"chat","text":"  "}',
    '{"type":"updateUsername","username":{}}',
    '{"type":"toString"}',
    JSON.stringify({ type: 'updateUsername', username: 'x'.repeat(33) }),
    Buffer.from('{}'),
  ]) {
    bob.socket.send(nonsense)
    t.match(await bob.nextJson(), { type: 'error', message: String }, String(nonsense).slice(0, 40))
  }
  t.same(ann.unread(), [], 'and nobody else hears of it')

  await ann.close()
  t.match(await bob.nextJson(), { type: 'userLeft', username: 'Ann', timestamp: Number })
  t.equal(await example.stop(), 0)
})

t.test('EX02: the chat serves its page, which shows what others wrote as text', async (t) => {
  const example = start(t, 'chat')
  const url = (await example.url()).replace('ws:', 'http:')
  const response = await fetch(url)
  t.equal(response.status, 200)
  t.match(response.headers.get('content-type'), 'text/html')
  const page = await response.text()
  t.match(page, 'textContent')
  t.notMatch(page, /innerHTML|outerHTML|insertAdjacentHTML|document\.write/)
  t.match(page, /new WebSocket\(.*'chat'\)/)
  t.equal((await fetch(`${url}nothing`)).status, 404)
  t.equal(await example.stop(), 0)
})

t.test('EX03: the metrics are printed again and again', async (t) => {
  const example = start(t, 'metrics', { METRICS_INTERVAL_MS: '50' })
  const client = await join(t, await example.url())
  await example.printed(/Active connections: 1\n/)
  client.socket.send('x'.repeat(1536))
  await client.next()
  await example.printed(
    /Active connections: 1\n- Messages received: 1\n- Messages sent: 1\n- Bytes received: 1\.50 KB\n- Bytes sent: 1\.50 KB\n- Compression ratio: 9\d\.\d\d%\n/,
  )
  await client.close()
  await example.printed(/Active connections: 0\n- Messages received: 1\n/)
  t.equal(await example.stop(), 0)
})

t.test('EX03: formatBytes', async (t) => {
  for (const [bytes, text] of [
    [0, '0 Bytes'],
    [0.5, '0 Bytes'],
    [-1, '0 Bytes'],
    [Number.NaN, '0 Bytes'],
    [1, '1.00 Bytes'],
    [1023, '1023.00 Bytes'],
    [1024, '1.00 KB'],
    [1536, '1.50 KB'],
    [1024 ** 2 - 1, '1024.00 KB'],
    [1024 ** 2, '1.00 MB'],
    [1024 ** 3, '1.00 GB'],
    [1024 ** 4, '1.00 TB'],
    [1024 ** 5, '1024.00 TB'],
  ] as const) {
    t.equal(formatBytes(bytes), text, String(bytes))
  }
})
