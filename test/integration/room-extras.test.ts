import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import t from 'tap'
import type { Presence } from '../../src/index.ts'
import { TWO_CONFIGURATIONS } from '../fixtures/configurations.ts'
import { EngineUnderTest, type Joined, nextText, sendText } from '../fixtures/engine-under-test.ts'
import { received } from '../fixtures/fence.ts'
import { eventually } from '../fixtures/journal.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'

for (const { name, options } of TWO_CONFIGURATIONS) {
  t.test(name, async (t) => {
    t.test('RO03 RO04 with presence the others in a room hear who comes and goes', async (t) => {
      const engine = await EngineUnderTest.start(t, { ...options, presence: true })
      const { server } = engine
      const [one, two, three] = (await engine.joinMany(3)) as [Joined, Joined, Joined]
      for (const { peer } of [one, two, three]) peer.join('red')
      t.same(await received(engine, three), [])
      t.same(await received(engine, two), ['{"type":"user-joined","room":"red","userCount":3}'])
      t.same(await received(engine, one), [
        '{"type":"user-joined","room":"red","userCount":2}',
        '{"type":"user-joined","room":"red","userCount":3}',
      ])
      one.peer.leave('red')
      three.client.reset()
      await engine.journal.closeOf(three.id)
      t.same(await received(engine, two), [
        '{"type":"user-left","room":"red","userCount":2}',
        '{"type":"user-left","room":"red","userCount":1}',
      ])
      t.same(await received(engine, one), [])
      two.peer.leave('red')
      t.equal(server.rooms.count, 0)
    })

    t.test('presence in words of one’s own, or none', async (t) => {
      const told: Presence[] = []
      const engine = await EngineUnderTest.start(t, {
        ...options,
        presence: (presence) => {
          told.push(presence)
          if (presence.room === 'broken') throw new Error('no words')
          return presence.room === 'secret' ? null : `${presence.kind} ${presence.room} ${presence.size}`
        },
      })
      const [one, two] = (await engine.joinMany(2)) as [Joined, Joined]
      for (const room of ['red', 'secret', 'broken']) for (const { peer } of [one, two]) t.equal(peer.join(room), true)
      two.peer.leave('red')
      t.same(await received(engine, one), ['join red 2', 'leave red 1'])
      t.equal(told.length, 7)
      t.match(told[0], { kind: 'join', room: 'red', socket: one.peer, size: 1 })
      t.same(
        engine.journal.errors.map(({ id, error }) => [id, error.message]),
        [one, two].map(({ id }) => [id, 'no words']),
      )
    })

    t.test('RO13 history hears of every publish, and newcomers get what it remembers first', async (t) => {
      const past = new Map<string, string[]>()
      const engine = await EngineUnderTest.start(t, {
        ...options,
        history: {
          record(room, message, isBinary) {
            past.set(room, [...(past.get(room) ?? []), `${isBinary ? 'binary ' : ''}${message}`])
          },
          replay: (room) => past.get(room) ?? [],
        },
      })
      const { server } = engine
      const [one, two] = (await engine.joinMany(2)) as [Joined, Joined]
      server.on('room:join', (_, room) => server.publish(room, 'welcome'))
      one.peer.join('red')
      server.publish(['red', 'blue'], 'to both')
      server.to('red').send(Buffer.from('bytes'))
      t.same(await received(engine, one), ['welcome', 'to both', 'bytes'])
      two.peer.join('red')
      t.same(await received(engine, two), ['welcome', 'to both', 'binary bytes', 'welcome'])
      t.same(
        [...past],
        [
          ['red', ['welcome', 'to both', 'binary bytes', 'welcome']],
          ['blue', ['to both']],
        ],
      )
    })

    t.test('RO13 a history that takes its time, or fails', async (t) => {
      const engine = await EngineUnderTest.start(t, {
        ...options,
        history: {
          record: async () => Promise.reject(new Error('not recorded')),
          replay: async (room) => {
            if (room === 'broken') throw new Error('not replayed')
            return new Set(['old', Buffer.from('older')])
          },
        },
      })
      const { server } = engine
      const [one] = (await engine.joinMany(1)) as [Joined]
      one.peer.join('red')
      t.same([await nextText(one.client), await nextText(one.client)], ['old', 'older'])
      one.peer.join('broken')
      server.publish('red', 'news')
      t.equal(await nextText(one.client), 'news')
      await engine.journal.until('both errors', () => engine.journal.errors[1])
      t.same(
        engine.journal.errors.map(({ id, error }) => [id, error.message]).sort(),
        [
          [null, 'not recorded'],
          [one.id, 'not replayed'],
        ].sort(),
      )
      t.equal(server.stats().errors.handler, 2)
    })

    t.test('RO14 messages that take each other’s place within coalesceMs', async (t) => {
      const recorded: string[] = []
      const record = (room: string, message: string | Uint8Array): unknown => recorded.push(`${room} ${message}`)
      const engine = await EngineUnderTest.start(t, { ...options, history: { record }, maxCoalescedKeys: 2 })
      const { server } = engine
      const [one, two] = (await engine.joinMany(2)) as [Joined, Joined]
      one.peer.join('red')
      const price = { coalesceMs: 50, coalesceKey: 'price' }
      const bytes = Buffer.from('3')
      for (const text of ['1', '2']) t.equal(server.publish('red', text, price), true)
      t.equal(server.publish('red', bytes, price), true)
      bytes.fill(0)
      server.to('red').send('other', { coalesceMs: 50 })
      two.peer.to('red').send('other 2', { coalesceMs: 50 })
      server.publish('red', 'not for a window', { coalesceMs: 60_000, coalesceKey: 'one too many' })
      server.publish('red', 'at once', { coalesceMs: 0 })
      const texts: string[] = []
      while (texts.length < 6) texts.push(await nextText(one.client))
      t.same(texts.slice(0, 4), ['1', 'other', 'not for a window', 'at once'])
      t.same(texts.slice(4).sort(), ['3', 'other 2'])
      t.same([...recorded].sort(), texts.map((text) => `red ${text}`).sort(), 'what was sent and nothing else')
      t.match(server.stats(), { coalesced: 1, limits: { maxCoalescedKeys: 1 } })
      for (const bad of [{ coalesceMs: -1 }, { coalesceMs: 1, coalesceKey: 1 as never }]) {
        t.throws(() => server.publish('red', 'x', bad), { code: 'ARGUMENT_INVALID' })
      }
      t.throws(() => server.publish('red', 1 as never, price), { code: 'ARGUMENT_INVALID' }, 'not only when it leaves')
    })

    t.test('RO14 what waits leaves before a shutdown', async (t) => {
      const engine = await EngineUnderTest.start(t, options)
      const { server } = engine
      const [one] = (await engine.joinMany(1)) as [Joined]
      one.peer.join('red')
      for (const text of ['1', '2']) server.publish('red', text, { coalesceMs: 60_000 })
      const ended = server.shutdown({ deadlineMs: 1000 })
      t.same([await nextText(one.client), await nextText(one.client)], ['1', '2'])
      one.client.destroy()
      await ended
    })

    t.test('OP15 a join over a limit is false, and an error with ROOM_LIMIT', async (t) => {
      const engine = await EngineUnderTest.start(t, { ...options, maxRooms: 2, maxRoomSize: 1 })
      const [one, two] = (await engine.joinMany(2)) as [Joined, Joined]
      t.same(
        ['red', 'blue', 'green'].map((room) => one.peer.join(room)),
        [true, true, false],
      )
      t.equal(await two.peer.joinAsync('red'), false)
      t.match(engine.journal.errors, [
        { id: one.id, error: { code: 'ROOM_LIMIT', message: /"green".*maxRooms$/ } },
        { id: two.id, error: { code: 'ROOM_LIMIT', message: /"red".*maxRoomSize$/ } },
      ])
      t.equal(one.peer.readyState, one.peer.OPEN)
    })

    t.test('CO26 EV08 broadcast of a socket, pings and pongs for those who listen', async (t) => {
      const engine = await EngineUnderTest.start(t, options)
      const [one, two] = (await engine.joinMany(2)) as [Joined, Joined]
      for (const { peer } of [one, two]) peer.join('red')
      one.peer.broadcast('red', 'hello')
      t.same([await received(engine, one), await received(engine, two)], [[], ['hello']])
      const heard: string[] = []
      one.peer.on('ping', (payload) => heard.push(`ping ${payload}`))
      one.peer.on('pong', (payload) => heard.push(`pong ${payload}`))
      one.peer.ping('from main')
      t.match(await one.client.nextControl(), { opcode: RawOpcode.Ping, payload: Buffer.from('from main') })
      one.client.sendFrame({ opcode: RawOpcode.Pong, payload: 'to it' })
      one.client.sendFrame({ opcode: RawOpcode.Ping, payload: 'from the client' })
      t.match(await one.client.nextControl(), { opcode: RawOpcode.Pong, payload: Buffer.from('from the client') })
      await eventually('both are heard', () => heard.length === 2)
      t.same(heard, ['pong to it', 'ping from the client'])
    })

    t.test('EV13 who watches from outside hears of it by node:diagnostics_channel', async (t) => {
      const told: string[] = []
      const names = ['connection', 'close', 'error', 'shard']
      for (const name of names) {
        const listener = (message: unknown): unknown => told.push(`${name} ${(message as { id?: string }).id}`)
        subscribe(`shardws:${name}`, listener)
        t.teardown(() => unsubscribe(`shardws:${name}`, listener))
      }
      const engine = await EngineUnderTest.start(t, options)
      engine.server.on('message', () => {
        throw new Error('of the application')
      })
      const { client, id } = await engine.join()
      sendText(client, 'x')
      await engine.journal.until('the error', () => engine.journal.errors[0])
      client.reset()
      await engine.journal.closeOf(id)
      const [started, ...rest] = told.filter((each, at) => told.indexOf(each) === at)
      t.equal(started, 'shard undefined')
      t.same(rest, [`connection ${id}`, `error ${id}`, `close ${id}`])
    })

    t.test('RO11 what goes on in rooms', async (t) => {
      const engine = await EngineUnderTest.start(t, options)
      const { server } = engine
      const [one, two] = (await engine.joinMany(2)) as [Joined, Joined]
      for (const room of ['busy', 'large', 'stale']) one.peer.join(room)
      two.peer.join('large')
      const before = performance.timeOrigin + performance.now()
      await eventually('a millisecond passes', () => performance.timeOrigin + performance.now() > before + 2)
      for (let count = 0; count < 3; count++) server.publish(['busy', 'nobody'], 'x')
      two.peer.publish('large', 'x')
      t.match(server.rooms.activity(), [
        { room: 'busy', members: 1, messages: 3 },
        { room: 'large', members: 2, messages: 1 },
        { room: 'stale', members: 1, messages: 0 },
      ])
      t.match(server.rooms.activity(1, 'largest'), [{ room: 'large' }])
      const [stale, ...others] = server.rooms.activity(10, 'stalest')
      t.equal(stale?.room, 'stale')
      t.ok((stale?.lastActivity ?? 0) < before && others.every(({ lastActivity }) => lastActivity > before))
      t.throws(() => server.rooms.activity(0), { code: 'ARGUMENT_INVALID' })
    })
  })
}
