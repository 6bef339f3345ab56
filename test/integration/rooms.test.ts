import t, { type Test } from 'tap'
import { ReadyState, type WebSocketServerOptions } from '../../src/index.ts'
import { OWN_CONFIGURATIONS, RELAY_CONFIGURATION } from '../fixtures/configurations.ts'
import { DeflateClient } from '../fixtures/deflate-client.ts'
import { EngineUnderTest, type Joined, nextText } from '../fixtures/engine-under-test.ts'
import { received } from '../fixtures/fence.ts'
import { ShardOrders, shardUrl } from '../fixtures/shards/shard-orders.ts'
import { Random } from '../fuzz/random.ts'

function roomEvents({ server }: EngineUnderTest): string[] {
  const events: string[] = []
  server.on('room:join', (id, room) => events.push(`join ${id} ${room}`))
  server.on('room:leave', (id, room) => events.push(`leave ${id} ${room}`))
  server.on('close', (id) => events.push(`close ${id}`))
  return events
}

async function three(engine: EngineUnderTest): Promise<[Joined, Joined, Joined]> {
  return (await engine.joinMany(3)) as [Joined, Joined, Joined]
}

for (const { name, options } of [...OWN_CONFIGURATIONS, RELAY_CONFIGURATION]) {
  t.test(name, async (t) => {
    const start = (t: Test, more: WebSocketServerOptions = {}) => EngineUnderTest.start(t, { ...options, ...more })

    t.test('RO03 RO04 RO21: members get what is published while they are in', async (t) => {
      const engine = await start(t)
      const { server } = engine
      const events = roomEvents(engine)
      const [one, two, three_] = await three(engine)
      t.equal(server.join(one.id, 'red'), true)
      t.equal(two.peer.join('red'), true)
      t.equal(server.publish('red', 'to both'), true)
      t.equal(two.peer.publish('red', 'to the other', { except: two.peer }), true)
      t.equal(two.peer.publish('red', 'to both, its sender too'), true)
      t.equal(server.leave(one.id, 'red'), true)
      t.equal(server.publish('red', 'to the one who is left'), true)
      t.equal(server.publish('red', 'to nobody', { except: two.id }), true)
      t.equal(two.peer.leave('red'), true)
      t.equal(server.publish('red', 'to nobody'), true)
      t.same(await received(engine, one), ['to both', 'to the other', 'to both, its sender too'])
      t.same(await received(engine, two), ['to both', 'to both, its sender too', 'to the one who is left'])
      t.same(await received(engine, three_), [])
      t.same(events, [`join ${one.id} red`, `join ${two.id} red`, `leave ${one.id} red`, `leave ${two.id} red`])
    })

    t.test('RO24: a join is effective at once, for its own listeners too', async (t) => {
      const engine = await start(t)
      const { server } = engine
      server.on('connection', (id) => {
        server.join(id, 'lobby')
        server.publish('lobby', `from connection: ${id}`)
      })
      server.on('room:join', (id, room) => server.publish(room, `from room:join: ${id}`))
      server.on('room:leave', (id, room) => server.publish(room, `from room:leave: ${id}`))
      for (const each of await three(engine)) {
        const texts = (await received(engine, each)).slice(0, 2)
        t.same(texts, [`from room:join: ${each.id}`, `from connection: ${each.id}`])
        server.leave(each.id, 'lobby')
        t.notOk((await received(engine, each)).includes(`from room:leave: ${each.id}`))
      }
    })

    t.test('RO06 RO07 RO08 RO17 RO18: in several rooms until it closes', async (t) => {
      const engine = await start(t)
      const { server } = engine
      const [one, two] = await three(engine)
      const names = ['general', `user:${one.id}`, 'role:admin', '__proto__', 'constructor']
      for (const room of names) t.equal(server.join(one.id, room), true)
      server.join(two.id, 'general')
      const events = roomEvents(engine)
      t.same([...one.peer.rooms], names)
      t.same([server.rooms.count, server.rooms.size('general')], [names.length, 2])
      t.same(await server.rooms.members('general'), [one.id, two.id])
      t.match(server.stats(), { rooms: names.length, memberships: names.length + 1 })
      t.same(Object.keys(await server.rooms.list()).sort(), [...names].sort())
      one.client.reset()
      await engine.journal.closeOf(one.id)
      t.same(events, [...names.map((room) => `leave ${one.id} ${room}`), `close ${one.id}`])
      t.same([...one.peer.rooms], [])
      t.equal(one.peer.join('general'), false)
      t.equal(server.join(one.id, 'general'), false)
      t.equal(server.leave(one.id, 'general'), false)
      t.same({ ...(await server.rooms.list()) }, { general: 1 })
      server.publish('general', 'to who is left')
      t.same(await received(engine, two), ['to who is left'])
      t.match(server.stats(), { rooms: 1, memberships: 1 })
    })

    t.test('text, binary, empty, long, and around the size from which shards map it', async (t) => {
      const engine = await start(t, { maxBackpressure: 16 * 1024 * 1024 })
      const [one, two] = await three(engine)
      for (const { id } of [one, two]) engine.server.join(id, 'red')
      const payloads = [0, 1, 125, 126, 4091, 4092, 70_000, 600_000].map((size) => Buffer.alloc(size, 'payload'))
      for (const payload of payloads) {
        engine.server.publish('red', payload)
        engine.server.publish('red', payload, false)
      }
      for (const { client } of [one, two]) {
        for (const payload of payloads) {
          for (const opcode of [2, 1]) {
            const message = await client.nextMessage()
            t.ok(message.opcode === opcode && message.payload.equals(payload), `${payload.length} bytes`)
          }
        }
      }
    })

    t.test('compressed where agreed, unless it must not be', async (t) => {
      const engine = await start(t, { compression: true })
      const deflate = await DeflateClient.join(engine, 'permessage-deflate')
      const plain = await engine.join()
      const text = 'the same words '.repeat(200)
      for (const { id } of [deflate, plain]) engine.server.join(id, 'red')
      engine.server.publish('red', text)
      engine.server.publish('red', text, { compress: false })
      for (const isCompressed of [true, false]) {
        t.match(await deflate.next(), { isCompressed, payload: Buffer.from(text) })
        t.equal(await nextText(plain.client), text)
      }
    })

    t.test('RO12: canJoin decides; one that fails is an error of that connection', async (t) => {
      const engine = await start(t, {
        canJoin: async (socket, room) => {
          if (room === 'broken') throw new Error('cannot tell')
          return room === `private:${socket.id}`
        },
      })
      const [one, two] = await three(engine)
      t.equal(await engine.server.joinAsync(one.id, `private:${one.id}`), true)
      t.equal(await two.peer.joinAsync(`private:${one.id}`), false)
      t.equal(await engine.server.joinAsync(two.id, 'broken'), false)
      t.equal(await engine.server.joinAsync('nobody', 'broken'), false)
      t.throws(() => engine.server.join(two.id, 'x'), { code: 'ARGUMENT_INVALID' })
      t.match(engine.journal.errors, [{ id: two.id, error: { message: 'cannot tell' } }])
      t.match(engine.server.stats(), { rooms: 1, refusedJoins: { canJoin: 2 }, errors: { handler: 1 } })
    })

    t.test('what a listener of a room event throws disturbs nobody', async (t) => {
      const engine = await start(t)
      const { id } = await engine.join()
      engine.server.once('room:join', () => {
        throw new Error('from a listener')
      })
      t.equal(engine.server.join(id, 'red'), true)
      t.match(engine.journal.errors, [{ id, error: { message: 'from a listener' } }])
    })

    t.test('any order of joins, leaves, publishes, broadcasts and sends arrives as it was made', async (t) => {
      const engine = await start(t)
      const joined = await engine.joinMany(12)
      await assertOrder(t, engine, joined, new Random(`rooms ${name}`))
    })
  })
}

const OPERATIONS = 3000
const WIDE = 'x'.repeat(6000)
const ROOMS = ['red', 'green', 'blue', '__proto__', 'x'.repeat(255)]

/** Main alone acts, so what every client gets is known to the letter. */
async function assertOrder(t: Test, engine: EngineUnderTest, joined: Joined[], random: Random): Promise<void> {
  const { server } = engine
  const members = new Map(ROOMS.map((room) => [room, new Set<Joined>()]))
  const expected = new Map<Joined, string[]>(joined.map((each) => [each, []]))
  const expect = (audience: Iterable<Joined>, text: string, except?: Joined): void => {
    for (const each of audience) if (each !== except) expected.get(each)!.push(text)
  }
  for (let at = 0; at < OPERATIONS; at++) {
    const one = random.pick(joined)
    const except = random.oneIn(3) ? random.pick(joined) : undefined
    const options = except === undefined ? {} : { except: random.oneIn(2) ? except.id : except.peer }
    const room = random.pick(ROOMS)
    const inRoom = members.get(room)!
    const text = random.oneIn(20) ? `${at} ${WIDE}` : `${at}`
    const act = random.weighted<() => void>([
      [20, () => void (server.join(one.id, room) && inRoom.add(one))],
      [20, () => void (server.leave(one.id, room) && inRoom.delete(one))],
      [60, () => void (server.publish(room, text, options) && expect(inRoom, text, except))],
      [5, () => void (server.broadcast(text, options) && expect(joined, text, except))],
      [10, () => void (server.send(one.id, text) && expect([one], text))],
    ])
    act()
    // Several batches, and some of them full.
    if (random.oneIn(200)) await new Promise((resolve) => setImmediate(resolve))
  }
  for (const each of joined) {
    const texts = await received(engine, each)
    const wrong = expected.get(each)!.findIndex((text, at) => texts[at] !== text)
    t.same([wrong, texts.length], [-1, expected.get(each)!.length], 'the first that differs, and how many there are')
  }
  t.equal(server.stats().dropped.link, 0)
  const sizes = Object.entries(await server.rooms.list()).map(([room, size]) => `${size} in ${room}`)
  t.same(sizes.sort(), [...members].flatMap(([room, { size }]) => (size > 0 ? [`${size} in ${room}`] : [])).sort())
}

interface ManagedSocket {
  roomId?: string
  readonly readyState: number
  send(text: string): unknown
}

/** As applications write them: a room is a set of sockets, and its name is noted on each. */
class RoomManager {
  readonly rooms = new Map<string, Set<ManagedSocket>>()

  joinRoom(roomId: string, socket: ManagedSocket): void {
    const room = this.rooms.get(roomId) ?? new Set()
    this.rooms.set(roomId, room.add(socket))
    socket.roomId = roomId
    this.broadcastToRoom(roomId, { type: 'user-joined', userCount: room.size }, socket)
  }

  leaveRoom(socket: ManagedSocket): void {
    const room = this.rooms.get(socket.roomId ?? '')
    room?.delete(socket)
    if (room?.size === 0) this.rooms.delete(socket.roomId ?? '')
    else this.broadcastToRoom(socket.roomId ?? '', { type: 'user-left', userCount: room?.size })
  }

  broadcastToRoom(roomId: string, message: object, excluded: ManagedSocket | null = null): void {
    const text = JSON.stringify(message)
    for (const socket of this.rooms.get(roomId) ?? []) {
      if (socket !== excluded && socket.readyState === ReadyState.OPEN) socket.send(text)
    }
  }
}

t.test('RO02: rooms that an application keeps for itself work on the connections of all shards', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 2 })
  const manager = new RoomManager()
  const left = new Map<string, ManagedSocket>()
  engine.server.on('connection', (id) => {
    const socket = engine.server.getConnection(id) as ManagedSocket | undefined
    if (socket === undefined) return
    left.set(id, socket)
    manager.joinRoom('general', socket)
  })
  engine.server.on('close', (id) => manager.leaveRoom(left.get(id) as ManagedSocket))
  const [one, two] = [await engine.join(), await engine.join()]
  t.not(one.peer.shard, two.peer.shard)
  t.same(await received(engine, one), ['{"type":"user-joined","userCount":2}'])
  t.same(await received(engine, two), [])
  one.client.reset()
  await engine.journal.closeOf(one.id)
  t.same(await received(engine, two), ['{"type":"user-left","userCount":1}'])
  two.client.reset()
  await engine.journal.closeOf(two.id)
  t.equal(manager.rooms.size, 0)
})

t.test('RO18: members leave with their shard, each once, and the others go on', async (t) => {
  const orders = new ShardOrders()
  t.teardown(() => orders.close())
  const engine = await EngineUnderTest.start(t, { shards: 2, shardUrl: shardUrl('obedient') })
  const { server } = engine
  const joined = await engine.joinMany(10)
  for (const { id } of joined) for (const room of ['red', 'blue']) server.join(id, room)
  const dying = joined.filter(({ peer }) => peer.shard === 0)
  const living = joined.filter(({ peer }) => peer.shard === 1)
  t.same([dying.length, living.length], [5, 5])
  const events = roomEvents(engine)
  const sizes = new Set<number>()
  server.on('room:leave', (_, room) => sizes.add(server.rooms.size(room)))
  const exited = engine.journal.shardEvent('exited')
  await orders.give({ shard: 0, act: 'exit' })
  await exited
  t.same([...sizes], [living.length], 'exact from the first event on')
  const expected = dying.flatMap(({ id }) => [`leave ${id} red`, `leave ${id} blue`, `close ${id}`])
  t.same([...events].sort(), expected.sort())
  for (const { id } of dying) t.ok(events.indexOf(`leave ${id} blue`) < events.indexOf(`close ${id}`))
  t.same((await server.rooms.members('red')).sort(), living.map(({ id }) => id).sort())
  t.match(server.stats(), { rooms: 2, memberships: 2 * living.length })

  t.equal(server.publish('red', 'to the living'), true)
  for (const each of living) t.same(await received(engine, each), ['to the living'])
  const { shardEvents } = engine.journal
  const started = (): number => shardEvents.filter(({ kind }) => kind === 'started').length
  await engine.journal.until('the replacement', () => started() === 3 || undefined)
  const fresh = await engine.joinMany(6)
  for (const { peer } of fresh) peer.join('red')
  t.ok(fresh.some(({ peer }) => peer.shard === 0))
  server.publish('red', 'to all')
  for (const each of [...living, ...fresh]) t.same(await received(engine, each), ['to all'])
})

t.test('a shard with no member of the room is not woken', async (t) => {
  const orders = new ShardOrders()
  t.teardown(() => orders.close())
  const engine = await EngineUnderTest.start(t, {
    shards: 2,
    shardUrl: shardUrl('obedient'),
    maxShardBackpressure: 64 * 1024,
  })
  const { server } = engine
  const joined = await engine.joinMany(4)
  const member = joined.find(({ peer }) => peer.shard === 1)
  const bystander = joined.find(({ peer }) => peer.shard === 0)
  if (member === undefined || bystander === undefined) throw new Error('unreachable')
  server.join(member.id, 'red')
  const release = await orders.hold(0)
  const payload = Buffer.alloc(32 * 1024)
  // Four times what the blocked shard would take.
  for (let count = 0; count < 8; count++) {
    t.equal(server.publish('red', payload), true)
    t.equal((await member.client.nextMessage()).payload.length, payload.length)
  }
  t.equal(server.stats().dropped.link, 0)
  server.leave(member.id, 'red')
  server.join(bystander.id, 'red')
  const accepted: boolean[] = []
  while (accepted.length < 100 && accepted.at(-1) !== false) accepted.push(server.publish('red', payload))
  t.equal(accepted.at(-1), false, 'with a member there it is too far behind')
  t.equal(server.join(bystander.id, 'blue'), false)
  t.match(server.stats(), { dropped: { link: 1 }, refusedJoins: { link: 1 } })
  release()
})
