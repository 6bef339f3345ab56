/** The examples of document 002, NextRush v2, that are no chats. */
import t from 'tap'
import type { MessageClient } from '../fixtures/message-client.ts'
import { NextRushExample, sendJson } from '../fixtures/nextrush-example.ts'

async function next(client: MessageClient, type: string): Promise<Record<string, unknown>> {
  for (;;) {
    const message = await client.nextJson()
    if (message.type === type) return message
  }
}

t.test('EX20: the dashboard: figures at once, again and again, by subscription, and orders', async (t) => {
  const example = new NextRushExample(t, 'dashboard', { METRICS_MS: '30' })
  const client = await example.connect('/dashboard')
  const metrics = { cpu: { user: Number }, memory: { rss: Number }, connections: Number, uptime: Number }
  t.match(await client.nextJson(), { type: 'initial_metrics', data: metrics, timestamp: Number })
  for (let update = 0; update < 3; update++) t.match(await next(client, 'metrics_update'), { data: metrics })
  // A shard counts a connection when it has taken it, which may be after its handler was called on main.
  while (((await next(client, 'metrics_update')).data as { connections: number }).connections !== 1) {}
  sendJson(client, { type: 'subscribe', metric: 'uptime' })
  t.match(await next(client, 'subscribed'), { data: 'uptime' })
  t.match(await next(client, 'metric'), { metric: 'uptime', data: Number })
  sendJson(client, { type: 'unsubscribe', metric: 'uptime' })
  await next(client, 'unsubscribed')
  await next(client, 'metrics_update')
  t.equal((await next(client, 'metrics_update')).type, 'metrics_update')
  sendJson(client, { type: 'subscribe', metric: 'secrets' })
  t.match(await next(client, 'error'), { data: 'Unknown metric' })
  t.same(await example.json('/api/orders', { method: 'POST', body: { item: 'tea' } }), { id: 1, item: 'tea' })
  t.match(await next(client, 'new_order'), { order: { id: 1, item: 'tea' } })
  t.equal((await example.fetch('/api/orders', { method: 'POST', body: {} })).status, 400)
  await example.assertEnds(client)
})

t.test('EX22: notifications wait for who is away', async (t) => {
  const example = new NextRushExample(t, 'notifications')
  const notify = (userId: string, body: object): Promise<unknown> =>
    example.json(`/api/notify/${userId}`, { method: 'POST', body })
  t.match(await notify('7', { message: 'first' }), { success: true, delivered: false })
  t.match(await notify('7', { message: 'second' }), { delivered: false })
  const client = await example.connect('/notifications?userId=7')
  for (const message of ['first', 'second']) t.match(await client.nextJson(), { type: 'notification', message })
  while (((await notify('7', { message: 'third' })) as { delivered: boolean }).delivered === false)
    await client.nextJson()
  t.match(await client.nextJson(), { message: 'third' })
  t.match(await notify('8', { message: 'for somebody else' }), { delivered: false })
  t.match(await notify('7', {}), { error: String })
  t.same(client.unread(), [])
  const nobody = await example.connect('/notifications')
  t.same(await nobody.closed, { code: 1008, reason: 'User ID required' })
  await example.assertEnds(client)
})

t.test('EX23: broadcasts from HTTP: announcement, update, admin, http_event', async (t) => {
  const example = new NextRushExample(t, 'admin-broadcast')
  const token = await example.tokenOf('admin')
  const [plain, player, watcher] = [
    await example.connect('/ws'),
    await example.connect('/ws?room=game:123'),
    await example.connect('/ws?room=notifications'),
  ]
  for (const client of [plain, player, watcher]) t.equal(await client.nextText(), 'welcome')
  const post = (path: string, body: object, by = token): Promise<Response> =>
    example.fetch(path, { method: 'POST', body, token: by })
  t.equal((await post('/admin/broadcast', {}, await example.tokenOf('bob'))).status, 403)
  t.match(await watcher.nextJson(), { type: 'http_event', path: '/admin/broadcast' })
  t.same(await (await post('/admin/maintenance', {})).json(), { success: true })
  t.match(await watcher.nextJson(), { type: 'http_event', path: '/admin/maintenance' })
  for (const client of [plain, player, watcher]) t.match(await client.nextJson(), { type: 'announcement' })
  await post('/admin/score', { score: '3-2' })
  t.same(await player.nextJson(), { type: 'update', data: { score: '3-2' } })
  await post('/admin/broadcast', { message: 'to a room', room: 'game:123' })
  t.match(await player.nextJson(), { type: 'admin', message: 'to a room', timestamp: Number })
  await post('/admin/broadcast', { message: 'to all' })
  for (const client of [plain, player]) t.match(await client.nextJson(), { type: 'admin', message: 'to all' })
  t.same(plain.unread(), [])
  await example.assertEnds(plain)
})

t.test('EX25: many updates in one message, and bytes', async (t) => {
  const example = new NextRushExample(t, 'bulk-binary')
  const client = await example.connect('/bulk')
  const items = [{ id: 'a', value: 1 }, { id: 'b', value: 2 }, { id: 7 }, null, 'x']
  sendJson(client, { type: 'bulk_update', items })
  t.same(await client.nextJson(), { type: 'bulk_updated', count: 2 })
  t.same(await example.json('/values'), { a: 1, b: 2 })
  sendJson(client, { type: 'download', bytes: 300 })
  const { data, isBinary } = await client.next()
  t.same([isBinary, data.length, data[255], data[256]], [true, 300, 255, 0])
  client.socket.send('no JSON')
  t.match(await client.nextJson(), { type: 'error' })
  await example.assertEnds(client)
})
