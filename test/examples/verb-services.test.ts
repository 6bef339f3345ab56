import { once } from 'node:events'
import t from 'tap'
import { RawClient } from '../fixtures/raw-client.ts'
import { startVerbExample, tell } from '../fixtures/verb-example.ts'

t.test('EX38: chat rooms keep 100 messages and show the last 20', async (t) => {
  const { example, connect } = await startVerbExample(t, 'chat-room')
  const ann = await connect('/rooms/blue')
  t.same(await ann.nextJson(), { type: 'message_history', messages: [] })
  const bob = await connect('/rooms/blue')
  await bob.nextJson()
  const red = await connect('/rooms/red')
  await red.nextJson()
  for (let i = 0; i < 25; i++) tell(ann, { text: `m${i}` })
  for (let i = 0; i < 25; i++) t.match(await bob.nextJson(), { type: 'message', text: `m${i}`, timestamp: String })
  const late = await connect('/rooms/blue')
  const { messages } = (await late.nextJson()) as { messages: { text: string }[] }
  t.same(
    messages.map(({ text }) => text),
    Array.from({ length: 20 }, (_, i) => `m${i + 5}`),
  )
  tell(ann, { text: '' })
  t.same(await ann.nextJson(), { type: 'error', message: 'text must be a text' })
  t.same([...ann.unread(), ...red.unread()], [])
  t.equal(await example.stop(), 0)
})

t.test('EX39: the notification service: one user on two devices, everyone, and nobody left behind', async (t) => {
  const { example, connect, request } = await startVerbExample(t, 'notifications')
  const path = (userId: string): string => `/notifications?userId=${userId}`
  const [phone, laptop, bob] = [await connect(path('ann')), await connect(path('ann')), await connect(path('bob'))]
  t.same(await request('POST', '/api/notify/ann', { text: 'hi' }), [200, { success: true, delivered: 2 }])
  for (const client of [phone, laptop]) t.match(await client.nextJson(), { type: 'notification', text: 'hi' })
  t.same(await request('POST', '/api/notify', { text: 'all' }), [200, { success: true, delivered: 3 }])
  for (const client of [phone, laptop, bob]) t.match(await client.nextJson(), { type: 'broadcast', text: 'all' })
  for (const client of [phone, laptop]) await client.close()
  let delivered = 2
  while (delivered > 0)
    [, { delivered }] = (await request('POST', '/api/notify/ann', {})) as [number, { delivered: number }]
  t.same(await request('GET', '/notifications'), [400, { error: 'userId is missing' }])
  t.equal(await example.stop(), 0)
})

t.test('EX40: stock prices: the current one at once, then updates until unsubscribed or gone', async (t) => {
  const { example, connect } = await startVerbExample(t, 'stocks', { PRICE_INTERVAL_MS: '20' })
  const client = await connect()
  tell(client, { action: 'subscribe', symbol: 'AAPL' })
  for (let i = 0; i < 3; i++) {
    t.match(await client.nextJson(), { type: 'stock_update', symbol: 'AAPL', price: Number, timestamp: Number })
  }
  tell(client, { action: 'unsubscribe', symbol: 'AAPL' })
  tell(client, { action: 'unsubscribe', symbol: 'ENRON' })
  let answer = await client.nextJson()
  while (answer.type === 'stock_update') answer = await client.nextJson()
  t.same(answer, { type: 'error', message: 'symbol must be one of AAPL, GOOGL, MSFT, TSLA' })
  tell(client, { action: 'subscribe', symbol: 'TSLA' })
  t.match(await client.nextJson(), { symbol: 'TSLA' }, 'no AAPL in between')
  tell(client, { action: 'sell', symbol: 'TSLA' })
  for (answer = await client.nextJson(); answer.type === 'stock_update'; ) answer = await client.nextJson()
  t.equal(answer.message, 'action must be subscribe or unsubscribe')
  t.equal(await example.stop(), 0)
})

t.test('EX41: the pool: one too many is told so, and counted', async (t) => {
  const { example, connect, request } = await startVerbExample(t, 'pool', { MAX_CONNECTIONS: '1' })
  const first = await connect()
  t.equal(await first.nextText(), 'There was room for you')
  const second = await connect()
  t.same(await second.closed, { code: 1013, reason: 'Server overloaded' })
  t.same(await request('GET', '/stats'), [200, { total: 1, active: 1, rejected: 1 }])
  t.equal(await example.stop(), 0)

  const strict = await startVerbExample(t, 'pool', { MAX_CONNECTIONS: '1', OVERLOAD: 'http503' })
  await strict.connect()
  await t.rejects(strict.connect(), { message: /503/ })
  t.same(await strict.request('GET', '/stats'), [200, { total: 1, active: 1, rejected: 1 }])
  t.equal(await strict.example.stop(), 0)
})

t.test('EX42: the queue keeps the last 100 messages of a client that is away', async (t) => {
  const { example, connect, request } = await startVerbExample(t, 'queue')
  for (let i = 0; i < 102; i++) await request('POST', '/send/ann', { i })
  t.same(await request('POST', '/send/ann', { i: 102 }), [200, { delivered: false, queued: 100 }])
  const ann = await connect('/?clientId=ann')
  for (let i = 3; i <= 102; i++) t.same(await ann.nextJson(), { i })
  t.same(await request('POST', '/send/ann', { i: 103 }), [200, { delivered: true, queued: 0 }])
  t.same(await ann.nextJson(), { i: 103 })
  t.equal(await example.stop(), 0)
})

t.test('HE12: the health check by hand: who answers stays, who does not is closed with 1002', async (t) => {
  const { example, connect, url } = await startVerbExample(t, 'health-check', {
    PING_INTERVAL_MS: '50',
    PONG_TIMEOUT_MS: '400',
  })
  const healthy = await connect()
  const pinged = once(healthy.socket, 'ping')
  const silent = await RawClient.open({ port: Number(new URL(url()).port) })
  t.teardown(() => silent.destroy())
  t.equal(String((await pinged)[0]), 'health-check')
  t.same((await silent.closeFrame()).payload, Buffer.from('\x03\xeaPing timeout', 'latin1'))
  t.equal(healthy.socket.readyState, healthy.socket.OPEN)
  t.equal(await example.stop(), 0)
})
