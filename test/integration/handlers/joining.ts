import { control, controlMany, type HandlerBehaviour } from '../../fixtures/handlers/controlled.ts'
import { eventually } from '../../fixtures/journal.ts'

export const joining: HandlerBehaviour = (t, start, way) => {
  t.test('rooms of a connection, as the handler and main see them', async (t) => {
    const engine = await start(t)
    const { server } = engine
    const told: string[] = []
    server.on('room:join', (id, room) => told.push(`+${room}${id === one.id ? '' : '?'}`))
    server.on('room:leave', (id, room) => told.push(`-${room}${id === one.id ? '' : '?'}`))
    const one = await control(engine)
    t.same(await one.ask('joinMany', { rooms: ['red', 'blue', 'red'] }), [true, true, true])
    t.same(await one.ask('rooms'), ['red', 'blue'])
    t.equal(await one.ask('leave', { room: 'red' }), true)
    t.equal(await one.ask('leave', { room: 'red' }), false)
    t.same(await one.ask('rooms'), ['blue'])
    await eventually('main knows', () => told.length === 3)
    t.same(told, ['+red', '+blue', '-red'])
    t.same({ ...(await server.rooms.list()) }, { blue: 1 })
    t.same(await server.rooms.members('blue'), [one.id])
    one.client.destroy()
    await engine.journal.closeOf(one.id)
    t.same(told.slice(3), ['-blue'])
    t.equal(server.rooms.count, 0)
  })

  t.test('main joins and leaves for a connection, and the handler sees it', async (t) => {
    const engine = await start(t)
    const { server } = engine
    const one = await control(engine)
    t.equal(server.join(one.id, 'red'), true)
    t.equal(server.rooms.size('red'), 1, 'at once')
    t.equal(server.publish('red', 'from main'), true)
    t.equal(await one.next(), 'from main')
    t.same(await one.ask('rooms'), ['red'])
    t.equal(server.leave(one.id, 'red'), true)
    t.equal(server.leave(one.id, 'red'), false)
    server.publish('red', 'too late')
    server.send(one.id, 'after that')
    t.equal(await one.next(), 'after that')
    t.same(await one.ask('rooms'), [])
    t.equal(await one.ask('join', { room: 'red' }), true)
    await eventually('main knows', () => server.rooms.size('red') === 1)
    t.equal(await server.joinAsync(one.id, 'red'), true, 'once more')
  })

  t.test('maxRoomsPerConnection: the last that may, and one more', async (t) => {
    const engine = await start(t, { maxRoomsPerConnection: 2 })
    const one = await control(engine)
    t.same(await one.ask('joinMany', { rooms: ['a', 'b', 'c', 'a'] }), [true, true, false, true])
    t.equal(await one.ask('leave', { room: 'a' }), true)
    t.equal(await one.ask('join', { room: 'c' }), true)
    t.equal(engine.server.stats().refusedJoins.maxRoomsPerConnection, 1)
    t.equal(engine.server.stats().limits.maxRoomsPerConnection, 1)
  })

  t.test('maxRooms: the last that may, and one more', async (t) => {
    const engine = await start(t, { maxRooms: 2 })
    const [one, two] = await controlMany(engine, 2)
    const pairs = Array(8).fill([true, true])
    t.same(await one!.ask('joinAndLeave', { rooms: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] }), pairs, 'one at a time')
    t.same(await one!.ask('joinMany', { rooms: ['a', 'b', 'c'] }), [true, true, false])
    await eventually('main knows', () => engine.server.rooms.count === 2)
    t.same(await two!.ask('joinMany', { rooms: ['c', 'a'] }), [false, true])
    t.equal(engine.server.stats().refusedJoins.maxRooms, 2)
  })

  t.test('maxRoomSize: one member too many is out again', async (t) => {
    const engine = await start(t, { maxRoomSize: 3 })
    const { server } = engine
    const members = await controlMany(engine, 8)
    const joins = await Promise.all(members.map((member) => member.ask('join', { room: 'red' })))
    // Shards that cannot see each other's joins let more in, and main takes them back.
    if (way.kind !== 'module') t.equal(joins.filter(Boolean).length, 3)
    await eventually('main has refused 5', () => server.stats().refusedJoins.maxRoomSize === 5)
    // What main has taken back is out before what main says next.
    server.broadcast('round')
    for (const member of members) await member.next()
    const rooms = await Promise.all(members.map((member) => member.ask('rooms')))
    t.equal(rooms.filter((names) => (names as string[]).includes('red')).length, 3)
    t.equal(server.rooms.size('red'), 3)
  })

  t.test('canJoin of the handler decides, at once and later', async (t) => {
    const engine = await start(t)
    const one = await control(engine)
    if (way.kind === 'function') {
      t.equal(await one.ask('join', { room: 'sync:no' }), true, 'a function has none')
      return
    }
    const before = engine.server.stats()
    t.equal(await one.ask('join', { room: 'sync:yes' }), true)
    t.equal(await one.ask('join', { room: 'sync:no' }), false)
    t.equal(await one.ask('join', { room: 'throws' }), false)
    t.equal(await one.ask('joinAsync', { room: 'async:yes' }), true)
    t.equal(await one.ask('joinAsync', { room: 'async:no' }), false)
    t.equal(await one.ask('joinAsync', { room: 'rejects' }), false)
    t.same(await one.ask('rooms'), ['sync:yes', 'async:yes'])
    const { refusedJoins, errors } = engine.server.stats()
    t.equal(refusedJoins.canJoin - before.refusedJoins.canJoin, 4)
    t.equal(errors.handler - before.errors.handler, 2)
    await engine.journal.until('two errors', () => engine.journal.errors[1])
  })

  t.test('a promise is no answer to join', async (t) => {
    const engine = await start(t)
    if (way.kind === 'function') return
    const one = await control(engine)
    one.order('join', { room: 'async:yes' })
    const { error } = await engine.journal.until('error', () => engine.journal.errors[0])
    t.equal(error.code, 'ARGUMENT_INVALID')
    t.match(error.message, /joinAsync/)
    t.same(await one.ask('rooms'), [])
  })
}
