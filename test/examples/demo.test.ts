/** The demo as a process of its own, without a browser: its protocol, its page's files, its beginning and its end. */
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { performance } from 'node:perf_hooks'
import t from 'tap'
import { ChatClient } from '../fixtures/chat-client.ts'
import { DemoProcess } from '../fixtures/demo-process.ts'

const HISTORY_MESSAGES = 50
const MESSAGE_TOO_BIG = 1009
const GOING_AWAY = 1001

const demo = new DemoProcess()
t.teardown(() => demo.end('SIGKILL'))
const port = await demo.port

t.test('it says where to look and what it runs on', async (t) => {
  t.match(demo.output, /http:\/\/localhost:\d+/)
  t.match(demo.output, /shards +\d/)
  t.match(demo.output, /hand-off +(transfer|descriptor|relay): /)
})

t.test('people meet, talk and leave', async (t) => {
  const [ada, welcome] = await ChatClient.join(port, ' Ada\n\u202e')
  t.match(welcome, { you: { name: 'Ada', shard: Number }, people: [welcome.you], history: [] })
  const [grace, { you, people }] = await ChatClient.join(port, 'Grace')
  t.same(people, [welcome.you, you])
  t.not(you.shard, welcome.you.shard, 'they are on different shards')
  t.same((await ada.next('joined')).person, you)

  grace.say('<b>hello</b>')
  const { author, text, takenAt } = await ada.next('message')
  t.same([author, text], [you, '<b>hello</b>'])
  t.ok(Math.abs(Date.now() - takenAt) < 60_000)

  t.match(await ada.next('stats'), { connections: 2, messagesIn: Number, messagesOut: Number, shards: Number })
  await grace.close()
  t.same((await ada.next('left')).person, you)
  await ada.close()
})

t.test('a newcomer gets the latest messages', async (t) => {
  const [ada] = await ChatClient.join(port, 'Ada')
  for (let i = 1; i <= HISTORY_MESSAGES + 5; i++) ada.say(`message ${i}`)
  for (let i = 1; i <= HISTORY_MESSAGES + 5; i++) await ada.next('message')
  const [grace, { history }] = await ChatClient.join(port, 'Grace')
  t.same(
    history.map(({ text }) => text),
    Array.from({ length: HISTORY_MESSAGES }, (_, index) => `message ${index + 6}`),
  )
  await Promise.all([ada.close(), grace.close()])
})

t.test('what is wrong is answered with an error, and the connection goes on', async (t) => {
  const client = await ChatClient.connect(port)
  const isRefused = async (message: string | Buffer, problem: RegExp): Promise<void> => {
    client.socket.send(message)
    t.match((await client.next('error')).problem, problem, String(message).slice(0, 60))
  }
  await isRefused('{"type":', /not JSON/)
  await isRefused('null', /JSON object/)
  await isRefused(Buffer.from('{}'), /not binary/)
  await isRefused('{"type":"dance"}', /type must be/)
  await isRefused('{"type":"say","text":"hello","key":1}', /join first/)
  await isRefused('{"type":"block"}', /join first/)
  for (const name of ['', ' \u200b ', 'n'.repeat(25), 7, null]) {
    await isRefused(JSON.stringify({ type: 'join', name }), /1 to 24 characters/)
  }
  await isRefused('{"type":"ping","sentAt":"now"}', /sentAt must be a number/)
  client.send({ type: 'ping', sentAt: 17.5 })
  t.equal((await client.next('pong')).sentAt, 17.5)

  client.send({ type: 'join', name: 'n'.repeat(24) })
  await client.next('welcome')
  await isRefused('{"type":"join","name":"Ada"}', /joined already/)
  for (const text of ['', '\n', 'x'.repeat(501), {}]) {
    await isRefused(JSON.stringify({ type: 'say', text, key: 1 }), /1 to 500 characters/)
  }
  await isRefused('{"type":"say","text":"hello","key":1.5}', /key must be an integer/)
  // Escaped, as JSON may: six bytes for each of the 500 characters.
  client.socket.send(`{"type":"say","text":"${'\\u0061'.repeat(500)}","key":1}`)
  t.equal((await client.next('message')).text, 'a'.repeat(500))

  client.socket.send('x'.repeat(5000))
  const [code] = await once(client.socket, 'close')
  t.equal(code, MESSAGE_TOO_BIG)
})

t.test('a blocked main thread disconnects nobody, and the shards go on', async (t) => {
  const [ada] = await ChatClient.join(port, 'Ada')
  const [grace] = await ChatClient.join(port, 'Grace')
  ada.send({ type: 'block' })
  ada.send({ type: 'block' })
  t.match((await ada.next('error')).problem, /blocked just now/, 'one after the other is refused')
  t.match(await grace.next('blocking'), { by: { name: 'Ada' }, blockMs: 2000 })

  // The next ping leaves soon after the last pong, so a gap is a time in which the server's end did not answer.
  let longestGapMs = 0
  let lastPongMs = performance.now()
  grace.socket.on('pong', () => {
    longestGapMs = Math.max(longestGapMs, performance.now() - lastPongMs)
    lastPongMs = performance.now()
    // More than maxControlRate would be a flood.
    setTimeout(() => grace.socket.ping(), 20)
  })
  grace.socket.ping()
  // Each heartbeat of the shard is answered with a message for main.
  const texts: string[] = []
  grace.socket.on('ping', () => {
    texts.push(`heartbeat ${texts.length}`)
    grace.say(texts.at(-1) ?? '')
  })

  const report = await grace.next('blocked')
  longestGapMs = Math.max(longestGapMs, performance.now() - lastPongMs)
  grace.socket.removeAllListeners('pong').removeAllListeners('ping')
  t.match(report, { people: 2, heartbeats: 2 })
  t.ok(report.blockedMs >= 2000)
  t.ok(report.waiting >= 2, `${report.waiting} messages waited`)
  t.ok(longestGapMs < 1000, `protocol pings were answered meanwhile, at worst after ${longestGapMs.toFixed(0)} ms`)
  for (const text of texts) t.equal((await ada.next('message')).text, text)
  t.equal(ada.socket.readyState, ada.socket.OPEN)
  await Promise.all([ada.close(), grace.close()])
})

t.test('the page is served, and nothing else', async (t) => {
  const request = async (path: string, headers = {}): Promise<IncomingMessage> => {
    const [response] = await once(get({ port, host: '127.0.0.1', path, headers }), 'response')
    return response.resume()
  }
  const page = await fetch(`http://127.0.0.1:${port}/?from=somewhere`)
  t.equal(page.status, 200)
  t.match(page.headers.get('content-security-policy'), /default-src 'self'/)
  const references = [...(await page.text()).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path ?? '')
  t.ok(references.length >= 4)
  for (const path of references) t.equal((await request(path)).statusCode, 200, path)
  for (const path of ['//', '/../server.ts', '/chat', '*']) t.equal((await request(path)).statusCode, 404, path)
  t.equal((await fetch(`http://127.0.0.1:${port}/`, { method: 'POST' })).status, 405)
  const dashboard = await fetch(`http://127.0.0.1:${port}/dashboard`)
  t.match(await dashboard.text(), '<title>demo</title>')
  t.equal((await request('/dashboard?events', { host: 'elsewhere.example' })).statusCode, 403)
})

t.test('a port that is taken, or is none, is explained', async (t) => {
  const second = await new DemoProcess(String(port)).ended
  t.equal(second.code, 1)
  t.match(second.output, `port ${port} is taken. Choose another one: PORT=${port + 1} npm start`)
  for (const text of ['65536', 'http', '-1']) {
    const { code, output } = await new DemoProcess(text).ended
    t.equal(code, 1)
    t.match(output, `PORT must be a number from 0 to 65535, got '${text}'`)
  }
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`${signal} ends it: the people are told, and the process ends by itself`, async (t) => {
    const ending = new DemoProcess()
    t.teardown(() => ending.end('SIGKILL'))
    const [ada] = await ChatClient.join(await ending.port, 'Ada')
    const closed = once(ada.socket, 'close')
    const ended = await ending.end(signal)
    t.match(ended, { code: 0, signal: null })
    const [code] = await closed
    t.equal(code, GOING_AWAY)
  })
}
