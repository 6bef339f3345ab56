/** Handlers that are still at work when their connection has moved: what they do to it happens where it lives now, in order. */
import { extname } from 'node:path'
import t, { type Test } from 'tap'
import type { WebSocketServerOptions } from '../../src/index.ts'
import { ReadyState } from '../../src/shared/connection-table.ts'
import { EngineUnderTest, type Joined, nextText, nextTexts, sendText } from '../fixtures/engine-under-test.ts'
import { received } from '../fixtures/fence.ts'
import { eventually } from '../fixtures/journal.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'

const HANDLER = new URL(`../fixtures/handlers/late.handler${extname(import.meta.url)}`, import.meta.url)

interface Late {
  readonly engine: EngineUnderTest
  /** It stays on the shard that the other one leaves. */
  readonly stays: Joined
  /** Its handler works on in the shard that it has left. */
  readonly moved: Joined
}

/** Two connections on one shard, of which the second moves to the other shard while its handler is about to do these acts. */
async function moveWhileAtWork(t: Test, acts: string, options: WebSocketServerOptions = {}): Promise<Late> {
  const engine = await EngineUnderTest.start(t, { shards: 2, handler: HANDLER, placement: () => 0, ...options })
  const [stays, moved] = [await engine.join(), await engine.join()]
  sendText(moved.client, `after go ${acts}`)
  t.equal(await nextText(moved.client), 'at work')
  t.match(await engine.server.rebalance(), { moved: 1, stayed: 0, closed: 0 })
  t.same([stays.peer.shard, moved.peer.shard], [0, 1])
  return { engine, stays, moved }
}

async function resultsOf({ engine }: Late): Promise<unknown> {
  engine.server.state.set('go', true)
  return engine.journal.until('the post of the handler', () => engine.journal.posts[0])
}

async function memberships({ server }: EngineUnderTest, rooms: readonly string[]): Promise<string[][]> {
  return Promise.all(rooms.map((room) => server.rooms.members(room)))
}

t.test('messages, rooms and controls: everything arrives, in order, and the rooms are exact', async (t) => {
  const acts =
    'send:1 join:new publish:new leave:new publish:new markAlive send:2 join:kept publish:kept toOthers:kept send:3'
  const late = await moveWhileAtWork(t, acts)
  const { engine, moved, stays } = late
  t.match(await resultsOf(late), {
    results: [true, true, true, true, true, undefined, true, true, true, true, true],
    rooms: ['lobby', 'kept'],
    readyState: ReadyState.OPEN,
  })
  t.same(await nextTexts(moved.client, 5), ['1', 'to new', '2', 'to kept', '3'])
  await eventually('main knows', () => engine.server.rooms.size('kept') === 1)
  t.same(await memberships(engine, ['new', 'kept', 'lobby']), [[], [moved.id], [stays.id, moved.id]])
  for (const room of ['new', 'kept', 'lobby']) engine.server.publish(room, `main to ${room}`)
  t.same(await received(engine, moved), ['main to kept', 'main to lobby'])
  t.same(await received(engine, stays), ['main to lobby'])
  moved.client.destroy()
  await engine.journal.closeOf(moved.id)
  t.match(engine.server.stats(), { rooms: 1, memberships: 1 }, 'no ghost stays behind')
  sendText(stays.client, 'after go join:kept publish:kept')
  t.same(await nextTexts(stays.client, 2), ['at work', 'to kept'])
  await eventually('main knows again', () => engine.server.rooms.size('kept') === 1)
  t.same(await memberships(engine, ['kept']), [[stays.id]])
})

t.test('it may leave a room that it was in when it moved', async (t) => {
  const late = await moveWhileAtWork(t, 'leave:lobby leave:lobby')
  const { engine, stays } = late
  t.match(await resultsOf(late), { results: [true, false], rooms: [] })
  await eventually('main knows', () => engine.server.rooms.size('lobby') === 1)
  t.same(await memberships(engine, ['lobby']), [[stays.id]])
})

t.test('a join that canJoin refuses or decides later, and one past a limit of the new shard', async (t) => {
  const late = await moveWhileAtWork(t, 'join:secret joinAsync:slow joinAsync:second', { maxRoomsPerConnection: 2 })
  const { engine, moved } = late
  t.match(await resultsOf(late), { results: [false, true, true] })
  await eventually('main knows', () => engine.server.rooms.size('slow') === 1)
  const { error } = await engine.journal.until('the limit', () => engine.journal.errors[0])
  t.equal(error.code, 'ROOM_LIMIT')
  t.same(await memberships(engine, ['secret', 'slow', 'second']), [[], [moved.id], []])
  t.match(engine.server.stats().refusedJoins, { maxRoomsPerConnection: 1, canJoin: 1 })
})

for (const [act, code, frame] of [
  ['close:late', 1006, [4000, 'late']],
  ['terminate', 1006, undefined],
] as const) {
  t.test(`${act} ends it, and nothing is sent afterwards`, async (t) => {
    const late = await moveWhileAtWork(t, `send:last ${act} send:nothing`, { closeTimeoutMs: 50 })
    const { engine, moved } = late
    t.match(await resultsOf(late), { results: [true, undefined, false], readyState: ReadyState.CLOSING })
    t.match(await engine.journal.closeOf(moved.id), { code })
    const { closeCode, reason } = await moved.client.waitClosed()
    t.same(closeCode === undefined ? undefined : [closeCode, reason], frame)
    if (frame !== undefined) t.equal(await nextText(moved.client), 'last')
  })
}

t.test('pings and pongs', async (t) => {
  const late = await moveWhileAtWork(t, 'ping:one pong:two')
  await resultsOf(late)
  const control = async () => {
    const { opcode, payload } = await late.moved.client.nextControl()
    return [opcode, String(payload)]
  }
  t.same(
    [await control(), await control()],
    [
      [RawOpcode.Ping, 'one'],
      [RawOpcode.Pong, 'two'],
    ],
  )
})

t.test('a connection that has come back is reached, too', async (t) => {
  const late = await moveWhileAtWork(t, 'send:back join:again publish:again')
  const { engine, moved, stays } = late
  stays.client.destroy()
  await engine.journal.closeOf(stays.id)
  // The first shard has none now, the second one has both.
  const other = await engine.join()
  t.equal(other.peer.shard, 0)
  await engine.server.resize(1)
  t.equal(moved.peer.shard, 0)
  t.match(await resultsOf(late), { results: [true, true, true] })
  t.same(await nextTexts(moved.client, 2), ['back', 'to again'])
  await eventually('main knows', () => engine.server.rooms.size('again') === 1)
})
