import t from 'tap'
import { TWO_CONFIGURATIONS } from '../fixtures/configurations.ts'
import { EngineUnderTest, type Joined } from '../fixtures/engine-under-test.ts'
import { received } from '../fixtures/fence.ts'

for (const { name, options } of TWO_CONFIGURATIONS) {
  t.test(name, async (t) => {
    const engine = await EngineUnderTest.start(t, options)
    const { server } = engine
    const all = (await engine.joinMany(4)) as [Joined, Joined, Joined, Joined]
    const [one, two, three, four] = all
    for (const { id } of [one, two, three]) server.join(id, 'red')
    for (const { id } of [two, four]) server.join(id, 'blue')
    const texts = (): Promise<string[][]> => Promise.all(all.map((each) => received(engine, each)))

    t.test('RO09 several rooms, each member once, and one connection by its id', async (t) => {
      t.equal(server.to('red', 'blue').send('to rooms'), true)
      t.equal(server.to('red').to('blue').to('blue').send('to rooms again'), true)
      t.equal(server.send(one.id, 'to one'), true)
      const both = ['to rooms', 'to rooms again']
      t.same(await texts(), [[...both, 'to one'], both, both, both])
    })

    t.test('RO05 a room but one client, its value turned into JSON once', async (t) => {
      let turned = 0
      const value = { toJSON: () => ({ turned: ++turned }) }
      t.equal(server.to('red').except(one.peer).json(value), true)
      t.equal(server.to('red').except([one.id, two.peer]).except('unknown').json(['é']), true)
      t.same(await texts(), [[], ['{"turned":1}'], ['{"turned":1}', '["é"]'], []])
    })

    t.test('RO29 a room but one client, by its id', async (t) => {
      server.to('blue').except(two.id).send('to four')
      t.same(await texts(), [[], [], [], ['to four']])
    })

    t.test('the members of other rooms are left out', async (t) => {
      server.to('red').exceptRooms('blue').send('to one and three')
      server.to('red', 'blue').exceptRooms('blue', 'unknown').except(one.id).send('to three')
      t.same(await texts(), [['to one and three'], [], ['to one and three', 'to three'], []])
    })

    t.test('a socket leaves itself out', async (t) => {
      one.peer.to('red').send('from one')
      two.peer.to('blue', 'red').except(three.id).json('from two')
      t.same(await texts(), [['"from two"'], ['from one'], ['from one'], ['"from two"']])
    })

    t.test('an audience can be kept: it is whoever is in the rooms by then, and is never changed', async (t) => {
      const red = server.to('red')
      const few = red.except(one.id)
      red.exceptRooms('blue')
      server.join(four.id, 'red')
      red.send('to all')
      few.send('to three')
      server.leave(four.id, 'red')
      t.same(await texts(), [['to all'], ...Array.from({ length: 3 }, () => ['to all', 'to three'])])
    })

    t.test('bytes are binary, and text is if that is said', async (t) => {
      const kinds: number[] = []
      server.to('blue').send(Buffer.from('bytes'))
      server.to('blue').send('text', true)
      server.to('blue').send(Buffer.from('text'), { isBinary: false })
      for (let count = 0; count < 3; count++) kinds.push((await four.client.nextMessage()).opcode)
      t.same(kinds, [2, 2, 1])
      t.same(await received(engine, two), ['bytes', 'text', 'text'])
    })

    t.test('nobody is there', async (t) => {
      t.equal(server.to('green').send('to nobody'), true)
      t.equal(server.to().send('to nobody'), true)
      t.equal(server.to('blue').except([two.id, four.id]).send('to nobody'), true)
      t.same(await texts(), [[], [], [], []])
    })

    t.test('what is no room, connection or message is the caller’s mistake', async (t) => {
      const invalid = { code: 'ARGUMENT_INVALID' }
      t.throws(() => server.to(''), { ...invalid, message: /room/ })
      t.throws(() => one.peer.to(1 as unknown as string), invalid)
      t.throws(() => server.to('red').exceptRooms('\0'), invalid)
      t.throws(
        () =>
          server
            .to('red')
            .except(1 as unknown as string)
            .send('x'),
        { ...invalid, message: /except must/ },
      )
      t.throws(() => server.to('red').send(1 as unknown as string), { ...invalid, message: /message/ })
      const circle: unknown[] = []
      circle.push(circle)
      for (const value of [undefined, 1n, circle, () => 1]) t.throws(() => server.to('red').json(value), invalid)
      t.same(await texts(), [[], [], [], []])
    })
  })
}
