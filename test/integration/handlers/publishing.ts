import type { EngineUnderTest } from '../../fixtures/engine-under-test.ts'
import { type Controlled, controlMany, type HandlerBehaviour } from '../../fixtures/handlers/controlled.ts'

const COUNT = 200

async function everyone(members: readonly Controlled[], act: string, args: object): Promise<unknown[]> {
  return Promise.all(members.map((member) => member.ask(act, args)))
}

/** What has come before a round through every thread: whatever was published is before it, as it takes the same ways. */
async function inboxesOf({ server }: EngineUnderTest, members: readonly Controlled[]): Promise<string[][]> {
  await everyone(members, 'broadcast', { text: 'round' })
  server.broadcast('round')
  const inboxes: string[][] = []
  for (const member of members) {
    const texts: string[] = []
    let rounds = 0
    while (rounds < members.length + 1) {
      const text = await member.next()
      if (text === 'round') rounds++
      else texts.push(text)
    }
    inboxes.push(texts)
  }
  return inboxes
}

export const publishing: HandlerBehaviour = (t, start) => {
  t.test('a publish reaches every member on every shard, and nobody else', async (t) => {
    const engine = await start(t)
    const members = await controlMany(engine, 6)
    const [one, two, three, four, five] = members as [Controlled, Controlled, Controlled, Controlled, Controlled]
    await everyone([one, two, three, four], 'join', { room: 'red' })
    await everyone([four, five], 'join', { room: 'blue' })
    t.equal(await one.ask('publish', { rooms: ['red'], text: 'to red' }), true)
    t.equal(await five.ask('publish', { rooms: ['red', 'blue', 'green'], text: 'to both' }), true)
    t.equal(await one.ask('publishExceptMe', { rooms: ['red'], text: 'but me' }), true)
    t.equal(await two.ask('toOthers', { rooms: 'red', text: 'others' }), true)
    const options = { except: [one.id, 'nobody'], exceptRooms: 'blue' }
    t.equal(await one.ask('publish', { rooms: ['red'], text: 'few', options }), true)
    const inboxes = await inboxesOf(engine, members)
    // Of different publishers there is no order.
    t.same(
      inboxes.map((texts) => texts.sort()),
      [
        ['others', 'to both', 'to red'],
        ['but me', 'few', 'to both', 'to red'],
        ['but me', 'few', 'others', 'to both', 'to red'],
        ['but me', 'others', 'to both', 'to red'],
        ['to both'],
        [],
      ],
    )
  })

  t.test('a broadcast reaches everyone but the excepted', async (t) => {
    const engine = await start(t)
    const members = await controlMany(engine, 5)
    await members[1]!.ask('join', { room: 'quiet' })
    const options = { except: members[3]!.id, exceptRooms: ['quiet'] }
    t.equal(await members[0]!.ask('broadcast', { text: 'all', options }), true)
    t.same(await inboxesOf(engine, members), [['all'], [], ['all'], [], ['all']])
  })

  t.test('a message of any size', async (t) => {
    const engine = await start(t)
    const members = await controlMany(engine, 4)
    await everyone(members, 'join', { room: 'red' })
    const texts = [4091, 4092, 300_000].map((size) => 'x'.repeat(size))
    for (const text of texts) await members[0]!.ask('publish', { rooms: ['red'], text })
    for (const texts of await inboxesOf(engine, members)) {
      t.same(
        texts.map(({ length }) => length),
        [4091, 4092, 300_000],
      )
    }
  })

  t.test('per publisher and room in order, at every subscriber', async (t) => {
    const engine = await start(t)
    const { server } = engine
    const members = await controlMany(engine, 6)
    await everyone(members, 'join', { room: 'red' })
    const publishing = members.map((member, at) =>
      member.ask('publishMany', { room: 'red', count: COUNT, prefix: `${at}:` }),
    )
    for (let number = 0; number < COUNT; number++) server.publish('red', `main:${number}`)
    t.same(await Promise.all(publishing), Array(6).fill(true))
    for (const texts of await inboxesOf(engine, members)) {
      for (const publisher of ['main', 0, 1, 2, 3, 4, 5]) {
        const numbers = texts
          .filter((text) => text.startsWith(`${publisher}:`))
          .map((text) => Number(text.split(':')[1]))
        t.equal(numbers.length, COUNT)
        t.ok(numbers.every((number, at) => number === at))
      }
    }
  })

  t.test('who has joined gets every later publish, of main and of any shard', async (t) => {
    const engine = await start(t)
    const { server } = engine
    const members = await controlMany(engine, 6)
    for (let round = 0; round < 30; round++) {
      const [joiner, publisher] = [members[round % 6]!, members[(round * 5 + 1) % 6]!]
      const room = `room ${round}`
      t.equal(await joiner.ask('join', { room }), true)
      t.equal(server.publish(room, `main ${round}`), true)
      t.equal(await publisher.ask('publish', { rooms: [room], text: `shard ${round}` }), true)
      t.same((await joiner.nextMany(2)).sort(), [`main ${round}`, `shard ${round}`])
      t.equal(await joiner.ask('leave', { room }), true)
      server.publish(room, 'nobody hears it')
      await publisher.ask('publish', { rooms: [room], text: 'nor this' })
    }
    for (const texts of await inboxesOf(engine, members)) t.same(texts, [])
  })

  t.test('who was put into a room by main gets every later publish of main', async (t) => {
    const engine = await start(t)
    const { server } = engine
    const members = await controlMany(engine, 4)
    for (let round = 0; round < 20; round++) {
      const { id } = members[round % 4]!
      t.equal(server.join(id, 'red'), true)
      t.equal(server.publish('red', `in ${round}`), true)
      t.equal(server.leave(id, 'red'), true)
      t.equal(server.publish('red', `out ${round}`), true)
    }
    for (const [at, texts] of (await inboxesOf(engine, members)).entries()) {
      t.same(
        texts,
        [0, 4, 8, 12, 16].map((round) => `in ${round + at}`),
      )
    }
  })
}
