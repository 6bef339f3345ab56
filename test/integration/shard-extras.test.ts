import t from 'tap'
import type { WebSocketServerOptions } from '../../src/index.ts'
import { EngineUnderTest, type Joined, nextText, nextTexts, sendText } from '../fixtures/engine-under-test.ts'
import { eventually } from '../fixtures/journal.ts'
import { RawOpcode } from '../fixtures/raw-frame.ts'

const handler = new URL('../fixtures/handlers/obliging.handler.js', import.meta.url)

for (const shards of [0, 2]) {
  t.test(`shards: ${shards}`, async (t) => {
    const start = (test: Parameters<typeof EngineUnderTest.start>[0], options: WebSocketServerOptions = {}) =>
      EngineUnderTest.start(test, { shards, handler, ...options })

    async function known(engine: EngineUnderTest, name: string): Promise<Joined> {
      const joined = await engine.join()
      sendText(joined.client, `I am ${name}`)
      t.equal(await nextText(joined.client), `welcome ${name}`)
      return joined
    }

    t.test('AU26 a handler in a shard is asked who a client is', async (t) => {
      const engine = await start(t, { auth: { mode: 'in-band', timeoutMs: 10_000 } })
      const { client } = await engine.join()
      for (const text of ['say hello', 'I am ada', 'say x hello']) sendText(client, text)
      t.same(await nextTexts(client, 3), ['Who are you?', 'welcome ada', 'hello'])
      t.same(engine.journal.errors, [])
    })

    t.test('AU26 in a shard too who does not say it in time is closed with 1008', async (t) => {
      const engine = await start(t, { auth: { timeoutMs: 60 } })
      const { client, id } = await engine.join()
      sendText(client, 'say hello')
      t.match(await client.closeFrame(), { payload: Buffer.from('\u0003\xf0authentication timeout', 'latin1') })
      client.destroy()
      await engine.journal.closeOf(id)
      t.match(engine.journal.errors, [{ id, error: { code: 'AUTH_TIMEOUT' } }])
      t.match(engine.server.stats(), {
        failures: { reasons: { AUTH_TIMEOUT: 1 } },
        limits: { 'auth.timeoutMs': 1 },
      })
    })

    t.test('RO16 handlers in shards identify users and reach them on every device', async (t) => {
      const engine = await start(t, { outbox: {}, maxDevicesPerUser: 2 })
      const { server } = engine
      const [phone, laptop, bob] = [await known(engine, 'ada'), await known(engine, 'ada'), await known(engine, 'bob')]
      await eventually('main has heard of all', () => server.stats().users.devices === 3)
      sendText(bob.client, 'tell ada hello')
      t.same([await nextText(phone.client), await nextText(laptop.client)], ['hello', 'hello'])
      server.user('ada').send('from main')
      t.same([await nextText(phone.client), await nextText(laptop.client)], ['from main', 'from main'])
      sendText(bob.client, 'tell eve later')
      await eventually('it is kept', () => server.stats().users.outbox.messages === 1)
      t.equal(await nextText((await known(engine, 'eve')).client), 'later')
      sendText(bob.client, 'rename ada')
      t.equal(await nextText(bob.client), 'true', 'a shard can only say that main was asked')
      await eventually('main has refused it', () => server.stats().users.refusedDevices === 1)
      t.equal(server.user('bob').sockets.length, 1)
    })

    t.test('RO05 RO14 audiences and windows of a handler in a shard', async (t) => {
      const engine = await start(t)
      const [one, two] = [await known(engine, 'ada'), await known(engine, 'bob')]
      await eventually('both are in the room', () => engine.server.rooms.size('all') === 2)
      sendText(one.client, 'others x hello')
      t.equal(await nextText(two.client), '{"text":"hello"}')
      for (const price of ['1', '2', '3']) sendText(one.client, `price x ${price}`)
      t.same(
        [await nextTexts(one.client, 2), await nextTexts(two.client, 2)],
        [
          ['1', '3'],
          ['1', '3'],
        ],
      )
      t.equal(engine.server.stats().coalesced, 1)
    })

    t.test('OP15 a join over a limit is false, and an error with ROOM_LIMIT', async (t) => {
      const engine = await start(t, { maxRoomsPerConnection: 2 })
      const { client, id } = await known(engine, 'ada')
      for (const room of ['red', 'red', 'blue']) sendText(client, `join ${room}`)
      t.same(await nextTexts(client, 3), ['true', 'true', 'false'])
      const { errors } = engine.journal
      await engine.journal.until('the error', () => errors[0])
      t.match(errors, [{ id, error: { code: 'ROOM_LIMIT', message: /"blue".*maxRoomsPerConnection/ } }])
      t.match(engine.server.stats().limits, { maxRoomsPerConnection: 1 })
    })

    t.test('CO26 EV08 broadcast of a socket, pings and pongs for those who listen', async (t) => {
      const engine = await start(t)
      const [one, two] = [await known(engine, 'ada'), await known(engine, 'bob')]
      await eventually('both are in the room', () => engine.server.rooms.size('all') === 2)
      sendText(one.client, 'shout x hello')
      t.equal(await nextText(two.client), 'hello')
      sendText(one.client, 'listen')
      t.match(await one.client.nextControl(), { opcode: RawOpcode.Ping, payload: Buffer.from('from the handler') })
      one.client.sendFrame({ opcode: RawOpcode.Pong, payload: 'to it' })
      one.client.sendFrame({ opcode: RawOpcode.Ping, payload: 'from the client' })
      t.same(await nextTexts(one.client, 2), ['pong to it', 'ping from the client'])
      t.match(await one.client.nextControl(), { opcode: RawOpcode.Pong, payload: Buffer.from('from the client') })
    })

    t.test('CO32 OP18 serialize and binaryType in a shard', async (t) => {
      const engine = await start(t, { serialize: true, binaryType: 'arraybuffer' })
      const { client } = await known(engine, 'ada')
      for (const text of ['slow x 1', 'say x 2', 'slow x 3']) sendText(client, text)
      client.sendFrame({ opcode: RawOpcode.Binary, payload: 'bytes' })
      t.same(await nextTexts(client, 4), ['slow 1', '2', 'slow 3', 'ArrayBuffer'])
    })
  })
}
