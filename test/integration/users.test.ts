import t from 'tap'
import type { Socket } from '../../src/index.ts'
import { TWO_CONFIGURATIONS } from '../fixtures/configurations.ts'
import { EngineUnderTest, type Joined, nextText } from '../fixtures/engine-under-test.ts'
import { received } from '../fixtures/fence.ts'

for (const { name, options } of TWO_CONFIGURATIONS) {
  t.test(name, async (t) => {
    const engine = await EngineUnderTest.listening(options)
    const { server } = engine
    t.teardown(() => engine.stop())
    t.afterEach(() => engine.release())

    async function three(): Promise<[Joined, Joined, Joined]> {
      return (await engine.joinMany(3)) as [Joined, Joined, Joined]
    }

    t.test('RO16 a user is reached on every device, across shards', async (t) => {
      const [phone, laptop, other] = await three()
      if (options.shards === 2) t.equal(new Set([phone, laptop, other].map(({ peer }) => peer.shard)).size, 2)
      const ada = server.user('ada')
      t.same([ada.isOnline, ada.send('to nobody')], [false, false])
      t.equal(phone.peer.identify('ada'), true)
      t.equal(server.identify(laptop.id, 'ada'), true)
      t.equal(server.identify(other.id, 'bob'), true)
      t.equal(phone.peer.identify('ada'), true, 'again')
      t.same(
        ada.sockets.map(({ id }) => id),
        [phone.id, laptop.id],
      )
      t.match(server.stats().users, { online: 2, devices: 3, refusedDevices: 0 })
      t.equal(ada.send('hello'), true)
      t.equal(ada.json({ n: 1 }), true)
      t.equal(ada.send(Buffer.from('bytes')), true)
      for (const device of [phone, laptop]) t.same(await received(engine, device), ['hello', '{"n":1}', 'bytes'])
      t.same(await received(engine, other), [])

      phone.client.reset()
      await engine.journal.closeOf(phone.id)
      t.same(
        ada.sockets.map(({ id }) => id),
        [laptop.id],
      )
      ada.close(4000, 'bye')
      t.same(ada.isOnline, false, 'one that closes is no device')
      t.equal((await laptop.client.closeFrame()).payload.readUInt16BE(), 4000)
    })

    t.test('somebody else, and nobody any more', async (t) => {
      const [one] = await three()
      one.peer.identify('ada')
      one.peer.identify('bob')
      t.same([server.user('ada').isOnline, server.user('bob').isOnline], [false, true])
      t.equal(server.identify(one.id, null), true)
      t.same([server.user('bob').isOnline, server.stats().users.devices], [false, 0])
      t.equal(server.identify('unknown', 'ada'), false)
      one.peer.close()
      t.equal(one.peer.identify('ada'), false)
      for (const userId of ['', 'a'.repeat(256), '\0', '\ud800', 1 as unknown as string]) {
        const invalid = { code: 'ARGUMENT_INVALID', message: /^userId must be/ }
        t.throws(() => server.identify('unknown', userId), invalid)
        t.throws(() => one.peer.identify(userId), invalid)
        t.throws(() => server.user(userId), invalid)
      }
      t.throws(() => server.user('ada').json(undefined), { code: 'ARGUMENT_INVALID' })
      t.throws(() => server.user('ada').send(1 as never), { code: 'ARGUMENT_INVALID' })
    })

    t.test('RO25 RO26 RO27 a registry of clients with metadata, which forgets who leaves', async (t) => {
      const [one, two] = await three()
      for (const [at, { peer }] of [one, two].entries()) {
        peer.identify(`client ${at}`)
        peer.metadata = { at }
      }
      const record = server.user('client 1').sockets[0]
      t.match(record, { id: two.id, metadata: { at: 1 } })
      t.ok((record?.connectedAt ?? 0) > 0 && (record?.lastActivity ?? 0) >= (record?.connectedAt ?? 0))
      t.equal(server.client(two.id), record)
      t.equal(server.client('unknown'), undefined)
      const all: Socket[] = []
      for await (const socket of server.clients()) all.push(socket)
      t.same(all.map(({ id }) => id).sort(), server.getConnections().sort())

      two.peer.join('red')
      two.client.reset()
      await engine.journal.closeOf(two.id)
      t.same([server.client(two.id), server.user('client 1').sockets], [undefined, []])
      t.match(server.stats(), { rooms: 0, users: { online: 1, devices: 1 } })
    })

    t.test('RO28 rooms by client id', async (t) => {
      const [phone, laptop, other] = await three()
      const ada = server.user('ada')
      t.same([ada.join('red'), ada.leave('red')], [false, false], 'there is nobody')
      phone.peer.identify('ada')
      laptop.peer.identify('ada')
      t.equal(ada.join('red'), true)
      t.equal(server.join(other.id, 'red'), true)
      t.equal(ada.leave('red'), true)
      t.same([ada.leave('red'), server.rooms.size('red')], [false, 1])
      t.equal(server.leave(other.id, 'red'), true)
      t.equal(server.rooms.count, 0)
    })

    t.test('RO15 channels are rooms', async (t) => {
      const [one, two] = await three()
      t.equal(server.subscribe(one.id, 'prices'), true)
      t.equal(two.peer.subscribe('prices'), true)
      server.publish('prices', '1')
      t.same([await nextText(one.client), await nextText(two.client)], ['1', '1'])
      t.equal(server.unsubscribe(one.id, 'prices'), true)
      t.equal(two.peer.unsubscribe('prices'), true)
      t.same([two.peer.unsubscribe('prices'), server.rooms.count], [false, 0])
    })
  })
}

t.test('maxDevicesPerUser: one more is refused and changes nothing', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 0, maxDevicesPerUser: 2 })
  const { server } = engine
  const [one, two, three] = (await engine.joinMany(3)) as [Joined, Joined, Joined]
  t.same(
    [one, two].map(({ peer }) => peer.identify('ada')),
    [true, true],
  )
  three.peer.identify('bob')
  t.equal(three.peer.identify('ada'), false)
  t.same(
    server.user('bob').sockets.map(({ id }) => id),
    [three.id],
  )
  t.match(server.stats(), { users: { online: 2, devices: 3, refusedDevices: 1 }, limits: { maxDevicesPerUser: 1 } })
  one.peer.identify(null)
  t.equal(three.peer.identify('ada'), true)
})

t.test('BP05: what is sent to a user who is away arrives in order when it is back', async (t) => {
  const engine = await EngineUnderTest.start(t, { shards: 1, outbox: { max: 2, drop: 'oldest' } })
  const { server } = engine
  const ada = server.user('ada')
  const [before] = (await engine.joinMany(1)) as [Joined]
  before.peer.identify('ada')
  ada.send('live')
  t.same(await received(engine, before), ['live'])
  before.client.reset()
  await engine.journal.closeOf(before.id)
  for (const text of ['1', '2', '3']) t.equal(ada.send(text), true)
  t.match(server.stats(), {
    users: { outbox: { users: 1, messages: 2, bytes: 2, kept: 3, delivered: 0, dropped: { max: 1 } } },
    limits: { 'outbox.max': 1 },
  })
  const [phone, laptop] = (await engine.joinMany(2)) as [Joined, Joined]
  phone.peer.identify('ada')
  ada.send('4')
  laptop.peer.identify('ada')
  t.same(await received(engine, phone), ['2', '3', '4'])
  t.same(await received(engine, laptop), [], 'once')
  t.match(server.stats().users.outbox, { users: 0, messages: 0, bytes: 0, delivered: 2 })
})
