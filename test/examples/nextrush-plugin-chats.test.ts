/** The chats and the game of documents 002 and 003, NextRush v2. */
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

/** The status with which a handshake is refused. */
async function refusal(example: NextRushExample, path: string): Promise<number | undefined> {
  const socket = new WebSocket(new URL(path, await example.process.url()))
  return new Promise((resolve) => {
    socket.on('error', () => {})
    socket.on('unexpected-response', (_request, response) => {
      resolve(response.statusCode)
      response.destroy()
    })
  })
}

t.test('EX18: the quick start works as it is written, although its path is /ws and its route /chat', async (t) => {
  const example = new NextRushExample(t, 'quick-start-chat')
  const [ann, bob] = [await example.connect('/chat'), await example.connect('/chat')]
  sendJson(ann, { user: 'ann', text: 'hello' })
  for (const client of [ann, bob]) {
    t.match(await client.nextJson(), { user: 'ann', text: 'hello', timestamp: Number })
  }
  ann.socket.send('no JSON')
  t.same(await ann.nextJson(), { error: 'Invalid JSON' })
  await bob.close(4000, 'bye')
  await example.process.printed(/disconnected: 4000 bye/)
  await example.assertEnds(ann)
})

t.test('EX19: the chat with users: list, messages, private ones, typing, and the administrator', async (t) => {
  const example = new NextRushExample(t, 'authenticated-chat')
  const [annToken, bobToken] = [await example.tokenOf('ann'), await example.tokenOf('bob')]
  for (const query of ['', '?token=', '?token=x.y.z']) t.equal(await refusal(example, `/chat${query}`), 401, query)
  const ann = await example.connect(`/chat?token=${annToken}`)
  const [annsFace, bobsFace] = [
    { id: '1', name: 'ann' },
    { id: '2', name: 'bob' },
  ]
  t.match(await ann.nextJson(), { type: 'user_joined', user: annsFace })
  t.same(await ann.nextJson(), { type: 'user_list', users: [annsFace] })
  const bob = await example.connect(`/chat?token=${bobToken}`)
  t.match(await ann.nextJson(), { type: 'user_joined', user: bobsFace, timestamp: Number })
  t.same(await next(bob, 'user_list'), { type: 'user_list', users: [annsFace, bobsFace] })

  sendJson(ann, { type: 'chat_message', text: 'hello' })
  for (const client of [ann, bob]) {
    t.match(await client.nextJson(), { type: 'message', id: String, user: annsFace, text: 'hello', timestamp: Number })
  }
  sendJson(ann, { type: 'typing', isTyping: true })
  for (const client of [ann, bob]) t.match(await client.nextJson(), { type: 'typing', user: annsFace, isTyping: true })
  sendJson(ann, { type: 'private_message', targetUserId: '2', text: 'psst' })
  t.match(await bob.nextJson(), { type: 'private_message', from: annsFace, text: 'psst' })
  for (const [message, error] of [
    ['{"type":"private_message","targetUserId":"3","text":"x"}', 'User not found or offline'],
    ['{"type":"dance"}', 'Invalid message format'],
    ['{"type":"chat_message"}', 'Invalid message format'],
    ['no JSON', 'Invalid message format'],
  ] as const) {
    ann.socket.send(message)
    t.same(await ann.nextJson(), { type: 'error', message: error })
  }

  const broadcast = (token?: string): Promise<Response> =>
    example.fetch('/api/admin/broadcast', { method: 'POST', body: { message: 'soon' }, ...(token && { token }) })
  t.equal((await broadcast()).status, 403)
  t.equal((await broadcast(bobToken)).status, 403)
  t.same(await (await broadcast(await example.tokenOf('admin'))).json(), { success: true })
  for (const client of [ann, bob]) t.match(await client.nextJson(), { type: 'system_message', message: 'soon' })
  await ann.close()
  t.match(await bob.nextJson(), { type: 'user_left', user: annsFace })
  await example.assertEnds(bob)
})

t.test('EX21: the game: two players move in turn, others watch, and one wins', async (t) => {
  const example = new NextRushExample(t, 'game', { SHARDS: '4' })
  const nobody = await example.connect('/game/1')
  t.same(await nobody.closed, { code: 1008, reason: 'Player ID required' })
  const x = await example.connect('/game/1?playerId=x')
  t.same(await x.nextJson(), { type: 'game_state', state: 'waiting', board: Array(9).fill(null), players: ['x'] })
  sendJson(x, { type: 'move', move: 0 })
  t.same(await x.nextJson(), { type: 'invalid_move', reason: 'Move not allowed' }, 'alone')
  const o = await example.connect('/game/1?playerId=o')
  t.match(await o.nextJson(), { type: 'game_state', state: 'playing', players: ['x', 'o'] })
  t.same(await x.nextJson(), { type: 'player_joined', playerId: 'o', playerCount: 2 })
  const watcher = await example.connect('/game/1?playerId=w')
  await watcher.nextJson()
  for (const client of [x, o]) t.match(await client.nextJson(), { type: 'player_joined', playerId: 'w' })
  sendJson(watcher, { type: 'move', move: 0 })
  t.match(await watcher.nextJson(), { type: 'invalid_move' })
  sendJson(o, { type: 'move', move: 0 })
  t.match(await o.nextJson(), { type: 'invalid_move' }, 'x begins')
  for (const [player, move] of [
    [x, 0],
    [o, 3],
    [x, 1],
    [o, 4],
    [x, 2],
  ] as const) {
    sendJson(player, { type: 'move', move })
    for (const client of [x, o, watcher]) {
      const told = await client.nextJson()
      t.match(told, { type: 'move_made', playerId: player === x ? 'x' : 'o', move })
      t.equal((told.board as unknown[])[move], player === x ? 'x' : 'o')
    }
  }
  for (const client of [x, o, watcher]) {
    t.match(await client.nextJson(), { type: 'game_over', winner: 'x', finalBoard: ['x', 'x', 'x', 'o', 'o'] })
  }
  for (const move of [8, 9, -1, 0.5, '8', null]) {
    sendJson(o, { type: 'move', move })
    t.match(await o.nextJson(), { type: 'invalid_move' }, String(move))
  }
  sendJson(x, { type: 'chat', text: 'well played' })
  t.match(await o.nextJson(), { type: 'chat_message', playerId: 'x', message: 'well played' })
  await o.close()
  t.same(await next(x, 'player_left'), { type: 'player_left', playerId: 'o', playerCount: 2 })
  t.same(await example.json('/games'), ['1'])
  const shards = [...example.process.output.matchAll(/enters game 1 on shard (\d)/g)].map(([, shard]) => shard)
  t.equal(shards.length, 3)
  t.equal(new Set(shards).size, 1, 'a game lives on one shard')
  await Promise.all([x.close(), watcher.close()])
  while (((await example.json('/games')) as unknown[]).length > 0) await new Promise(setImmediate)
  t.equal(await example.process.stop(), 0)
})

t.test('EX27 ME23: rooms by path, with figures of each', async (t) => {
  const example = new NextRushExample(t, 'room-statistics')
  const ann = await example.connect('/chat/a/b?token=secret')
  t.same(await ann.nextJson(), {
    type: 'welcome',
    room: 'a/b',
    message: 'Welcome to room "a/b"!',
    stats: { activeUsers: 1, totalMessages: 0 },
  })
  const bob = await example.connect('/chat/a/b')
  t.match(await bob.nextJson(), { type: 'welcome', stats: { activeUsers: 2 } })
  t.match(await ann.nextJson(), { type: 'user-joined', room: 'a/b', activeUsers: 2 })
  const other = await example.connect('/chat/')
  t.match(await other.nextJson(), { type: 'welcome', room: 'general' })
  ann.socket.send('hello')
  const ids: unknown[] = []
  for (const client of [ann, bob]) {
    const message = await client.nextJson()
    t.match(message, { type: 'chat-message', room: 'a/b', content: 'hello', timestamp: /^\d{4}-/, messageId: String })
    ids.push(message.messageId)
  }
  t.equal(ids[0], ids[1])
  t.same(await example.json('/stats'), {
    totalConnections: 3,
    activeConnections: 3,
    rooms: { 'a/b': { users: 2, messages: 1 }, general: { users: 1, messages: 0 } },
  })
  await ann.close()
  t.match(await bob.nextJson(), { type: 'user-left', activeUsers: 1 })
  await bob.close()
  const left = { totalConnections: 3, activeConnections: 1, rooms: { general: { users: 1, messages: 0 } } }
  for (;;) {
    const stats = (await example.json('/stats')) as { activeConnections: number }
    if (stats.activeConnections > 1) continue
    t.same(stats, left)
    break
  }
  await example.assertEnds(other)
})
