/** The examples of document 001, NextRush v1, that watch their connections. */
import t from 'tap'
import { NextRushExample, sendJson } from '../fixtures/nextrush-example.ts'

t.test('EX12: the robust chat validates, limits, pings, and ends who says nothing', async (t) => {
  const example = new NextRushExample(t, 'robust-chat', { PING_MS: '20', QUIET_MS: '60000' })
  const client = await example.connect('/robust-chat/a')
  await new Promise((resolve) => client.socket.once('ping', resolve))
  for (const nonsense of ['no JSON', '{}', '{"type":7}', '{"type":""}']) {
    client.socket.send(nonsense)
    t.match(await client.nextJson(), { type: 'error', message: 'Invalid message format', details: String })
  }
  for (let number = 0; number < 60; number++) sendJson(client, { type: 'chat', text: `${number}` })
  for (let number = 0; number < 60; number++) t.same(await client.nextJson(), { type: 'chat', text: `${number}` })
  sendJson(client, { type: 'chat', text: 'one too many' })
  t.same(await client.nextJson(), { type: 'error', message: 'Rate limit exceeded' })
  await example.assertEnds(client)

  const hasty = new NextRushExample(t, 'robust-chat', { QUIET_MS: '300' })
  const quiet = await hasty.connect('/robust-chat/a')
  t.same(await quiet.closed, { code: 1000, reason: 'Connection timeout' })
})

t.test('EX14 EX15 ME17 ME18: figures of the server and of a connection', async (t) => {
  const example = new NextRushExample(t, 'monitored-chat', { MONITOR_MS: '50' })
  const client = await example.connect('/monitored-chat')
  for (let number = 0; number < 100; number++) client.socket.send('x')
  for (let number = 0; number < 100; number++) await client.nextText()
  await example.process.printed(/is active: 100 messages/)
  t.match(await example.json('/api/websocket/stats'), {
    connections: 1,
    totalConnections: 1,
    messagesSent: 100,
    messagesReceived: 100,
    bytesReceived: 100,
    bytesSent: 100,
    rooms: 0,
    uptime: Number,
    errors: { protocol: 0, transport: 0, handler: 0 },
  })
  await example.process.printed(/connections 1, rooms 0, messages per second [1-9]/)
  await client.close()
  await example.process.printed(/from 127\.0\.0\.1 ended: 100 messages in \d+ ms/)
  t.equal(await example.process.stop(), 0)
})
